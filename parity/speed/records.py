"""What a measurement has found: the records of its JSON file, read, checked and written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from parity.model.machine import Machine
from parity.speed.agreement import AGREEING, DISAGREES, Agreement
from parity.speed.statistics import LEAST_ROUNDS, Positive, Ratio, Verdict

VERSION = 3
"""Of the file: another version's figures mean something else."""
TOO_BUSY = 0.05
"""The share of all cores beyond which other processes' work makes a row doubtful."""

Threads = Literal["default"] | Annotated[int, msgspec.Meta(ge=1)]
Flag = Literal["drift", "bimodal", "noisy"]
Sample = Annotated[list[Positive], msgspec.Meta(min_length=LEAST_ROUNDS)]
Times = dict[str, list[float]]
"""Of each contender by its name, the n-th from the n-th round."""


class Group(NamedTuple):
    """What has a line of the summary: rows of one net, measured in one way."""

    net: str
    threads: Threads
    busy: bool = False

    @property
    def setting(self) -> str:
        """How it was measured, in words.

        Examples
        --------
        >>> Group("small", 1, True).setting, Group("small", "default").setting
        ('1 thread, one core taken', 'default threads')
        """
        words = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return words + (", one core taken" if self.busy else "")

    @property
    def title(self) -> str:
        """The group in words."""
        return f"{self.net}, {self.setting}"


@dataclass(frozen=True)
class Block(Machine):
    """The machine, and what was measured on it.

    `onednn` is on or off as installed, `onednn_instruction_set` the widest that it may use;
    `yardsticks` says in words what each TensorFlow is, `packages` has the versions of what is
    timed beside them, and the peaks are those of large products, by threads.
    """

    subject: str
    version: str
    numpy: str
    blas: str
    blas_architecture: str
    blas_threads: int
    tensorflow: str
    onednn: Literal["on", "off"]
    onednn_instruction_set: str
    yardsticks: dict[str, str]
    packages: dict[str, str]
    gemm_peak_gflops: dict[str, Positive]
    gemm_peak_gflops_float64: dict[str, Positive]


@dataclass(frozen=True)
class Run:
    """How it was measured."""

    subject: str
    rounds: int
    seconds_a_layer: float
    threads: list[Threads]
    took_seconds: float = 0.0


@dataclass(frozen=True)
class Note:
    """A contender beside TensorFlow: its error / the bound (None: infinite), or why not timed."""

    error: float | None = None
    refused: str = ""


@dataclass(frozen=True)
class Row:
    """A layer, measured in one way; what was not timed has no `ratios`.

    Attributes
    ----------
    token
        Re-runs the row: ``python -m parity speed --row TOKEN``.
    not_timed
        What of TensorFlow's or of another contender's ended the timing.
    scratch_bytes
        Peak of a call beyond its arguments and its result.
    beside
        Contenders besides the subject and TensorFlow.
    other_work
        The share of all cores that other processes took meanwhile.
    busy
        Of a row of a busy machine: how many cores the command's own process took.
    interval_reached
        Whether the intervals of the kernel and of the A/A ratio are narrower than 5 %.
    milliseconds, gflops
        Medians, by contender.
    peak_share
        Attained share of the GEMM peak of this dtype and these threads.
    ratios
        Time of the subject / time of another; "A/A" and "ten lines / TensorFlow" are what they say.
    times_milliseconds
        Raw samples, the n-th of each contender from the n-th round.
    chosen, best, regret
        The algorithm that the subject's rules take, the fastest, and the time of the one / that
        of the other; 1 where they are one.
    first_microseconds
        By side, and by process: the first three calls of the shape there.
    """

    net: str
    name: str
    count: int
    token: str
    threads: Threads
    multiply_adds: int
    agreement: Agreement
    not_timed: str = ""
    scratch_bytes: int | None = None
    beside: dict[str, Note] = field(default_factory=dict)
    other_work: float = 0.0
    busy: float | None = None
    rounds: int = 0
    interval_reached: bool = True
    flags: list[Flag] = field(default_factory=list)
    milliseconds: dict[str, Positive] = field(default_factory=dict)
    gflops: dict[str, Positive] = field(default_factory=dict)
    peak_share: dict[str, Positive] = field(default_factory=dict)
    ratios: dict[str, Ratio] = field(default_factory=dict)
    times_milliseconds: dict[str, Sample] = field(default_factory=dict)
    chosen: str = ""
    best: str = ""
    regret: Ratio | None = None
    first_microseconds: dict[str, list[list[float]]] = field(default_factory=dict)

    @property
    def group(self) -> Group:
        """The line of the summary that it belongs to."""
        return Group(self.net, self.threads, self.busy is not None)

    @property
    def agrees(self) -> bool:
        """Whether the subject's result does, with that of a TensorFlow."""
        return self.agreement.verdict in AGREEING

    @property
    def disagrees(self) -> bool:
        """Whether the subject failed or is beyond the bound."""
        return self.agreement.verdict == DISAGREES

    @property
    def doubts(self) -> list[str]:
        """What speaks against trusting it."""
        return [*self.flags, *([] if self.interval_reached else ["wide"])]

    @property
    def withheld(self) -> bool:
        """Whether other processes took too much of the cores for a verdict."""
        return self.other_work > TOO_BUSY


@dataclass(frozen=True)
class Mean:
    """The geometric mean of a ratio over the layers that have it, its interval, its extremes."""

    layers: int
    ratio: float
    low: float
    high: float
    smallest: float
    largest: float


@dataclass(frozen=True)
class FirstCalls:
    """By how many microseconds a side's first call of a shape exceeds its second, over layers.

    `second` is what the second call takes; `noise` by how much it exceeds the third.
    """

    second: float
    median: float
    ninety: float
    worst: float
    noise: float
    worst_noise: float


@dataclass(frozen=True)
class Regret:
    """How many layers' algorithms are within `NEAR` of the best, how many are surely not."""

    near: int
    surely_far: int
    withheld: int
    largest: float


@dataclass(frozen=True)
class Line:
    """A group's line of the summary, its means by the labels of the rows' ratios.

    `noisiest` is the A/A ratio that is farthest from 1, `other_work` the most and `busy` the least
    of the rows', `total_milliseconds` what all the net's convolutions take.
    """

    net: str
    threads: Threads
    layers: int
    verdict: Verdict | None = None
    means: dict[str, Mean] = field(default_factory=dict)
    noisiest: float = 1.0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    flags: dict[Flag, int] = field(default_factory=dict)
    intervals_reached: int = 0
    total_milliseconds: dict[str, float] = field(default_factory=dict)
    other_work: float = 0.0
    busy: float | None = None
    regret: Regret | None = None
    first_calls: dict[str, FirstCalls] = field(default_factory=dict)

    @property
    def group(self) -> Group:
        """What it is the line of."""
        return Group(self.net, self.threads, self.busy is not None)


@dataclass(frozen=True)
class Speed:
    """A whole measurement."""

    machine: Block
    settings: Run
    rows: Annotated[list[Row], msgspec.Meta(min_length=1)]
    summary: list[Line]
    schema: int = VERSION

    @property
    def timed(self) -> list[Row]:
        """The rows that have times."""
        return [row for row in self.rows if row.ratios]


def grouped(rows: Iterable[Row]) -> dict[Group, list[Row]]:
    """Return rows by group, in their order."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return groups


def write(document: Speed, path: Path) -> None:
    """Check a document and write it."""
    text = msgspec.json.encode(document)
    msgspec.json.decode(text, type=Speed)
    path.write_bytes(msgspec.json.format(text, indent=1) + b"\n")


@dataclass(frozen=True)
class _Version:
    schema: int = 0


def read(path: Path) -> Speed:
    """Read a document and check it; a ValueError says why it is none."""
    try:
        text = path.read_bytes()
        version = msgspec.json.decode(text, type=_Version).schema
        if version != VERSION:
            raise ValueError(f"version {version} of the file, must be {VERSION}; measure again")
        return msgspec.json.decode(text, type=Speed)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error

"""Measure a layer: compare the results, then time the contenders in turns."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from parity.model import machine
from parity.speed import agreement, layers, limits, turns, yardsticks
from parity.speed.agreement import DISAGREES, NOT_COMPARED, Gauge
from parity.speed.beside import CONTENDERS
from parity.speed.first import FirstCalls
from parity.speed.layers import Layer
from parity.speed.processes import StartError, Worker, WorkerError, Workers, environment
from parity.speed.recipes import TEN_LINES
from parity.speed.records import Note, Row
from parity.speed.rows import (
    AGAIN,
    ALGORITHM,
    FORCED,
    FROM_NUMPY,
    FUNCTION,
    KERNEL,
    SUBJECT,
    judged,
    known,
    setting,
)
from parity.speed.turns import Contender
from parity.speed.yardsticks import INSTALLED
from parity.subjects.channels_first import read


@dataclass(frozen=True)
class Measurement:
    """How long to measure, and what.

    Attributes
    ----------
    subject
        ``module:callable``.
    rounds
        Most rounds a layer, but `statistics.LEAST_ROUNDS` always run; in each, every contender
        gives one sample.
    seconds
        Budget of a layer: no round begins after it, but `statistics.LEAST_ROUNDS` always run.
    threads
        For every library, one setting after another; 0 leaves the defaults.
    beside
        Names of optional contenders, see `parity.speed.beside`.
    bounds
        Whether to time also what bounds a NumPy implementation, see `parity.speed.limits`.
    memory
        Whether to measure the memory that a call takes.
    busy
        Whether to time all again while another process takes a core.
    algorithms
        Whether to time also each algorithm of the subject.
    first
        Whether to time first calls instead, see `parity.speed.first`.
    """

    subject: str = "npconv:conv2d"
    rounds: int = 60
    seconds: float = 4.0
    threads: tuple[int, ...] = (0,)
    beside: tuple[str, ...] = ()
    bounds: bool = False
    memory: bool = False
    busy: bool = False
    algorithms: bool = False
    first: bool = False


class Bench:
    """The processes of a measurement: the subject, TensorFlow, TensorFlow again, and others.

    TensorFlow as installed runs in two processes so that each row has its own A/A ratio; where it
    is without oneDNN, there is another with oneDNN forced on. `parity.speed.ten_lines` is always
    among the others.

    Some of the `chosen` layers have contenders of their own. `skipped` says why a contender could
    not be started, by its name.
    """

    def __init__(
        self, workers: Workers, how: Measurement, threads: int, chosen: Collection[Layer]
    ) -> None:
        self._workers, self._how, self._threads = workers, how, threads
        self._variables = environment(threads=threads)
        free = {"NPCONV_ALGORITHM": None} if how.algorithms else {}
        self._subject = workers.start(how.subject, self._variables | free)
        self._yardsticks = yardsticks.start(workers, threads)
        self._first = FirstCalls(workers, how.subject, threads) if how.first else None
        self._beside: dict[str, Worker] = {}
        self._algorithms: dict[str, Worker] = {}
        self.skipped: dict[str, str] = {}
        if how.first:
            return
        self._again = workers.start(yardsticks.TENSORFLOW, self._variables)
        self._limits = workers.start("limits", self._variables) if how.bounds else None
        self._spinner = workers.start("limits") if how.busy else None
        if self._spinner:
            self._spinner.begin("spin")
        own = [name for layer in chosen for name in layer.beside]
        for name in dict.fromkeys((TEN_LINES, *how.beside, *own)):
            try:
                self._beside[name] = workers.start(name, self._variables)
            except StartError as error:
                self.skipped[name] = _words(error)
        if how.algorithms:
            for layer in layers.every():
                self._algorithm(layer.case.token())

    def describe(self) -> dict[str, object]:
        """Return what the processes say of themselves."""
        packages: dict[str, str] = {}
        for worker in self._beside.values():
            packages |= worker.call("describe")
        told = yardsticks.describe(self._yardsticks)
        return {**self._subject.call("describe"), **told, "packages": packages}

    def measure(self, layer: Layer, on_round: Callable[[], None] = lambda: None) -> list[Row]:
        """Compare and time one layer; return its row of the JSON file, and that of a busy machine.

        A row whose results disagree is not timed, nor one that TensorFlow as installed cannot do:
        it stands alone. `on_round` is called after every round, for a progress bar.
        """
        scale = agreement.gauge(layer.case, *layer.case.arrays())
        row = Row(
            layer.net,
            layer.name,
            layer.count,
            layer.case.token(),
            setting(self._threads),
            layer.multiply_adds,
            self._agree(layer, scale),
        )
        found = row.agreement
        if found.verdict == DISAGREES or found.yardsticks[INSTALLED].verdict == NOT_COMPARED:
            return [row]
        try:
            if self._first:
                return [self._first_calls(row, self._first)]
            return self._timed(row, layer, scale, on_round)
        except WorkerError as error:
            if error.of_subject:
                return [replace(row, agreement=agreement.failed(error.reason))]
            return [replace(row, not_timed=error.reason)]

    def _agree(self, layer: Layer, scale: Gauge) -> agreement.Agreement:
        token = layer.case.token()
        try:
            subject = self._subject.call("prepare", token, ["kernel"])
        except WorkerError as error:
            return agreement.failed(error.reason)
        modes = {INSTALLED: ["kernel", "from-numpy", "function"]}
        answers = {
            name: yardsticks.prepare(worker, token, modes.get(name, ["kernel"]))
            for name, worker in self._yardsticks.items()
        }
        return agreement.compare(scale, subject, answers)

    def _first_calls(self, row: Row, first: FirstCalls) -> Row:
        others = machine.OtherWork(self._workers.pids)
        times = first.microseconds(row.token)
        return replace(row, first_microseconds=times, other_work=others.share())

    def _timed(
        self, row: Row, layer: Layer, scale: Gauge, on_round: Callable[[], None]
    ) -> list[Row]:
        """Time a layer whose results agree, and a second time with a core taken if asked for."""
        yardsticks.prepare(self._again, row.token, ["kernel"])
        is_conv2d = layer.case.operation == "conv2d"  # of which others and algorithms know
        installed = self._yardsticks[INSTALLED]
        contenders = {
            SUBJECT: Contender(self._subject),
            KERNEL: Contender(installed),
            FROM_NUMPY: Contender(installed, "from-numpy"),
            FUNCTION: Contender(installed, "function"),
            AGAIN: Contender(self._again),
            **(self._bounding(layer) if is_conv2d else {}),
        }
        forced = row.agreement.yardsticks.get(yardsticks.FORCED)
        if forced and forced.verdict != NOT_COMPARED:
            contenders[FORCED] = Contender(self._yardsticks[yardsticks.FORCED])
        notes = {
            name: self._prepare(name, worker, layer, scale)
            for name, worker in self._beside.items()
            if name in (TEN_LINES, *self._how.beside, *layer.beside) and is_conv2d
        }
        ready = {name: self._beside[name] for name, note in notes.items() if not note.refused}
        algorithms = {}
        if self._how.algorithms and is_conv2d:
            row = replace(row, chosen=self._algorithm(row.token))
            algorithms = self._admissible(row.token, scale)
            ready |= algorithms
        contenders |= {name: Contender(worker) for name, worker in ready.items()}
        row = replace(row, beside=notes, scratch_bytes=self._memory(row.token))
        also = [*algorithms, *(name for name in layer.beside if name in ready)]

        def in_turns() -> Row:
            others = machine.OtherWork(self._workers.pids)
            times = turns.take(
                contenders,
                seed=zlib.crc32(row.token.encode()),
                rounds=self._how.rounds,
                seconds=self._how.seconds,
                enough=lambda times: known(times, also),
                on_round=on_round,
            )
            return judged(row, times, others.share())

        quiet = in_turns()
        if self._spinner is None:
            return [quiet]
        with self._spinner.running():
            taken = machine.cores_taken(self._spinner.pid)
            busy = in_turns()
        return [quiet, replace(busy, busy=taken())]

    def _prepare(self, name: str, worker: Worker, layer: Layer, scale: Gauge) -> Note:
        """Make a contender ready; return its error, or why it is not timed."""
        try:
            result = worker.call("prepare", layer.case.token(), ["kernel"])
        except WorkerError as error:
            return Note(refused=_words(error))
        if result is None:  # no convolution; it has checked itself
            return Note(error=0.0)
        x, w = layer.case.arrays()
        more = CONTENDERS[name].allowed(read(x, w, **layer.case.arguments()))
        share = replace(scale, allowed=scale.allowed + more).largest(result)
        return Note(agreement.finite(share), "" if share <= 1 else "its result DISAGREES")

    def _bounding(self, layer: Layer) -> dict[str, Contender]:
        if self._limits is None:
            return {}
        modes = limits.modes(layer.case)
        try:
            self._limits.call("prepare", layer.case.token(), list(modes))
        except WorkerError:  # of these patches there is no product, or they are too large
            return {}
        return {mode: Contender(self._limits, mode) for mode in modes}

    def _algorithm(self, token: str) -> str:
        """Return which algorithm the subject takes, with a process of its own that must."""
        chosen = family(self._subject.call("algorithm", token))
        if chosen not in self._algorithms:
            forced = self._variables | {"NPCONV_ALGORITHM": chosen}
            self._algorithms[chosen] = self._workers.start(self._how.subject, forced)
        return chosen

    def _admissible(self, token: str, scale: Gauge) -> dict[str, Worker]:
        """Return what takes the algorithm that it was told to, ready; its results must agree."""
        found = {}
        for name, worker in self._algorithms.items():
            if family(worker.call("algorithm", token)) == name:
                if not scale.largest(worker.call("prepare", token, ["kernel"])) <= 1:
                    raise WorkerError(f"{name}: its result is beyond the bound")
                found[ALGORITHM + name] = worker
        return found

    def _memory(self, token: str) -> int | None:
        """Ask a process of its own, which has kept no memory from other layers."""
        if not self._how.memory:
            return None
        with Workers() as workers:
            return int(workers.start(self._how.subject, self._variables).call("memory", token))


def family(words: str) -> str:
    """Return the algorithm that an explanation names, as `NPCONV_ALGORITHM` has it.

    Examples
    --------
    >>> family("im2col"), family("im2col (the image itself): 1 x 28 x 112 outputs at once")
    ('im2col', 'im2col')
    """
    return words.partition(":")[0].partition(" (")[0]


def _words(error: WorkerError) -> str:
    """Return a reason without the class of the error."""
    return error.reason.partition(": ")[2] or error.reason


def gemm_peaks(threads: Sequence[int], seconds: float = 0.15) -> dict[str, dict[str, float]]:
    """Return this machine's best GFLOP/s in a product of large matrices, for the machine block.

    It is measured with 1, the default and these numbers of threads.
    """
    peaks: dict[str, dict[str, float]] = {"gemm_peak_gflops": {}, "gemm_peak_gflops_float64": {}}
    for count in dict.fromkeys([1, *sorted(filter(None, threads)), 0]):
        with Workers() as workers:
            worker = workers.start("limits", environment(threads=count))
            for name, dtype in zip(peaks, ("float32", "float64"), strict=True):
                found = worker.call("gemm_peak", dtype, seconds)
                peaks[name][str(setting(count))] = round(found, 1)
    return peaks

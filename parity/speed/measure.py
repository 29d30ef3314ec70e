"""Measure a layer: compare the results, then time the contenders in turns."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parity.model import machine
from parity.speed import agreement, limits, turns, yardsticks
from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.layers import Layer
from parity.speed.processes import StartError, Worker, WorkerError, Workers, environment
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import (
    AGAIN,
    FORCED,
    FROM_NUMPY,
    FUNCTION,
    KERNEL,
    SUBJECT,
    judged,
    known,
    setting,
    summarise,
)
from parity.speed.turns import Contender
from parity.speed.yardsticks import INSTALLED, Side, Yardstick


@dataclass(frozen=True)
class Settings:
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
    """

    subject: str = "npconv:conv2d"
    rounds: int = 60
    seconds: float = 4.0
    threads: tuple[int, ...] = (0,)
    beside: tuple[str, ...] = ()
    bounds: bool = False
    memory: bool = False
    busy: bool = False


class Bench:
    """The processes of a measurement: the subject, TensorFlow, TensorFlow again, and others.

    TensorFlow as installed runs in two processes so that each row has its own A/A ratio; where it
    is without oneDNN, there is another with oneDNN forced on. `parity.speed.ten_lines` is always
    among the others.

    Attributes
    ----------
    skipped
        Why an optional contender could not be started, by its name.
    """

    def __init__(self, workers: Workers, settings: Settings, threads: int = 0) -> None:
        self.settings = settings
        self.threads = threads
        self._variables = environment(threads=threads)
        self._subject = Side(workers, settings.subject, self._variables)
        self._yardsticks = yardsticks.start(workers, threads)
        self._again = Yardstick(workers, self._variables)
        self._limits = workers.start("limits", self._variables) if settings.bounds else None
        self._spinner = workers.spinner() if settings.busy else None
        self._beside: dict[str, Worker] = {}
        self.skipped: dict[str, str] = {}
        for name in (TEN_LINES, *settings.beside):
            try:
                self._beside[name] = workers.start(name, self._variables)
            except StartError as error:
                self.skipped[name] = last_line(error)

    def describe(self) -> dict[str, Any]:
        """Return what the processes say of themselves."""
        found: dict[str, Any] = self._subject.call("describe")
        found |= yardsticks.describe(self._yardsticks)
        for worker in self._beside.values():
            found |= worker.call("describe")
        return found

    def measure(
        self, layer: Layer, on_round: Callable[[], None] = lambda: None
    ) -> list[dict[str, Any]]:
        """Compare and time one layer; return its row of the JSON file, and that of a busy machine.

        A row whose results disagree is not timed, nor one that TensorFlow as installed cannot do:
        it has no ``times``, and stands alone.

        Parameters
        ----------
        layer
            What to convolve.
        on_round
            Called after every round, for a progress bar.
        """
        token = layer.case.token()
        row: dict[str, Any] = {
            "net": layer.net,
            "name": layer.name,
            "count": layer.count,
            "token": token,
            "threads": setting(self.threads),
            "multiply_adds": layer.multiply_adds,
        }
        scale = agreement.gauge(layer.case, *layer.case.arrays())
        found = self._agree(layer, scale)
        row["agreement"] = asdict(found)
        if found.verdict == DISAGREES or found.yardsticks[INSTALLED].verdict == NOT_COMPARED:
            return [row]
        try:
            return [row | times for times in self._timed(layer, scale, found, on_round)]
        except WorkerError as error:
            if error.of_subject:
                return [row | {"agreement": asdict(agreement.failed(error.reason))}]
            return [row | {"not_timed": error.reason}]

    def _timed(
        self,
        layer: Layer,
        scale: agreement.Gauge,
        found: agreement.Agreement,
        on_round: Callable[[], None],
    ) -> list[dict[str, Any]]:
        """Return what a row has besides its agreement, and that of a busy machine if asked for."""
        token = layer.case.token()
        row: dict[str, Any] = {}
        if self.settings.memory:
            row["scratch_bytes"] = self._memory(token)
        installed = self._yardsticks[INSTALLED]
        forced = found.yardsticks.get(yardsticks.FORCED)
        contenders = {
            SUBJECT: Contender(self._subject, "kernel"),
            KERNEL: Contender(installed, "kernel"),
            FROM_NUMPY: Contender(installed, "from-numpy"),
            FUNCTION: Contender(installed, "function"),
            AGAIN: Contender(self._again, "kernel"),
            **self._bounding(layer),
        }
        if forced and forced.verdict != NOT_COMPARED:
            contenders[FORCED] = Contender(self._yardsticks[yardsticks.FORCED], "kernel")
        row["beside"] = {name: self._prepare(name, token, scale) for name in self._beside}
        contenders |= {
            name: Contender(self._beside[name], "kernel")
            for name, note in row["beside"].items()
            if "refused" not in note
        }
        quiet = row | self._in_turns(layer, contenders, on_round)
        if self._spinner is None:
            return [quiet]
        with self._spinner.spinning():
            taken = machine.cores_taken(self._spinner.pid)
            busy = row | self._in_turns(layer, contenders, on_round)
        return [quiet, busy | {"busy": taken()}]

    def _in_turns(
        self, layer: Layer, contenders: dict[str, Contender], on_round: Callable[[], None]
    ) -> dict[str, Any]:
        others = self._other_work()
        times = turns.take(
            contenders,
            seed=zlib.crc32(layer.case.token().encode()),
            rounds=self.settings.rounds,
            seconds=self.settings.seconds,
            enough=known,
            on_round=on_round,
        )
        return judged(summarise(times, layer.multiply_adds), others.share())

    def _other_work(self) -> machine.OtherWork:
        sides = (self._subject, *self._yardsticks.values(), self._again)
        workers = [*(side.worker for side in sides), *self._beside.values()]
        spare = [one for one in (self._limits, self._spinner) if one]
        return machine.OtherWork(one.pid for one in (*workers, *spare))

    def _agree(self, layer: Layer, scale: agreement.Gauge) -> agreement.Agreement:
        token, data_format = layer.case.token(), layer.case.data_format
        try:
            subject = self._subject.call("prepare", token, ["kernel"])
        except WorkerError as error:
            return agreement.failed(error.reason)
        modes = {INSTALLED: ["kernel", "from-numpy", "function"]}
        answers = {
            name: yardstick.prepare(token, data_format, modes.get(name, ["kernel"]))
            for name, yardstick in self._yardsticks.items()
        }
        self._again.prepare(token, data_format, ["kernel"])
        return agreement.compare(scale, subject, answers)

    def _prepare(self, name: str, token: str, scale: agreement.Gauge) -> dict[str, Any]:
        """Make an optional contender ready; return its error, or why it is not timed."""
        try:
            share = scale.largest(self._beside[name].call("prepare", token, ["kernel"]))
        except WorkerError as error:
            return {"refused": last_line(error)}
        note: dict[str, Any] = {"error": share if share < float("inf") else None}
        return note if share <= 1 else note | {"refused": "its result DISAGREES"}

    def _bounding(self, layer: Layer) -> dict[str, Contender]:
        if self._limits is None:
            return {}
        modes = limits.modes(layer.case)
        try:
            self._limits.call("prepare", layer.case.token(), list(modes))
        except WorkerError:  # the patches are too large to be stored
            return {}
        return {mode: Contender(self._limits, mode) for mode in modes}

    def _memory(self, token: str) -> int:
        """Ask a process of its own, which has kept no memory from other layers."""
        worker = Worker(self.settings.subject, self._variables)
        try:
            return int(worker.call("memory", token))
        finally:
            worker.close()


def gemm_peaks(threads: Sequence[int], seconds: float = 0.15) -> dict[str, dict[str, float]]:
    """Return this machine's best GFLOP/s in a product of large matrices, for the machine block.

    Parameters
    ----------
    threads
        Settings to measure besides 1 and the default.
    seconds
        For each size of matrix.
    """
    peaks: dict[str, dict[str, float]] = {"gemm_peak_gflops": {}, "gemm_peak_gflops_float64": {}}
    for count in dict.fromkeys([1, *sorted(filter(None, threads)), 0]):
        with Workers() as workers:
            worker = workers.start("limits", environment(threads=count))
            for name, dtype in zip(peaks, ("float32", "float64"), strict=True):
                found = worker.call("gemm_peak", dtype, seconds)
                peaks[name][str(setting(count))] = round(found, 1)
    return peaks


def last_line(error: Exception) -> str:
    """Return what a worker's exception said, without its traceback."""
    text = str(error).strip().rpartition("\n")[2]
    kind, colon, message = text.partition(": ")
    return message if colon and kind.rpartition(".")[2].endswith("Error") else text

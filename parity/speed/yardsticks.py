"""What the subject is held against: TensorFlow as installed, and with oneDNN forced on.

Which TensorFlow each is has been asked in the process that is compared and timed.
"""

from __future__ import annotations

import os
from typing import Any

from parity.oracles import build as tensorflow_build
from parity.speed.agreement import Answer
from parity.speed.processes import StartError, WorkerError, Workers, environment

INSTALLED = "as installed"
FORCED = "with oneDNN forced on"
_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


class Side:
    """A worker process that is started anew where a call has ended it.

    Parameters
    ----------
    workers
        Where it is kept.
    implementation
        What it runs.
    variables
        Changes to its environment.
    """

    def __init__(
        self, workers: Workers, implementation: str, variables: dict[str, str | None]
    ) -> None:
        self._workers = workers
        self.worker = workers.start(implementation, variables)

    def call(self, request: str, *arguments: Any) -> Any:
        """Answer a request; raises WorkerError, after which it can be called again."""
        try:
            return self.worker.call(request, *arguments)
        except WorkerError:
            self.worker = self._workers.renewed(self.worker)
            raise


class Yardstick(Side):
    """A TensorFlow: what it cannot do is told, and asked for in NHWC instead.

    Parameters
    ----------
    workers
        Where its process is kept.
    variables
        Changes to its environment.
    implementation
        Another that stands for TensorFlow, such as the oracle's conv2d.
    """

    def __init__(
        self,
        workers: Workers,
        variables: dict[str, str | None],
        implementation: str = "tensorflow",
    ) -> None:
        super().__init__(workers, implementation, variables)

    def prepare(self, token: str, data_format: str, modes: list[str]) -> Answer:
        """Make a layer's calls ready to be timed."""
        return self._answer("prepare", data_format, token, modes)

    def run(self, x: Any, w: Any, arguments: dict[str, Any]) -> Answer:
        """Convolve given arrays."""
        return self._answer("run", arguments["data_format"], x, w, arguments)

    def _answer(self, request: str, data_format: str, *arguments: Any) -> Answer:
        try:
            return Answer(self.call(request, *arguments))
        except WorkerError as error:
            cannot = error.reason
        if data_format == "NCHW":
            try:
                return Answer(self.call(f"{request}_in_nhwc", *arguments), cannot, in_nhwc=True)
            except WorkerError as error:
                cannot = f"{cannot}; in NHWC: {error.reason}"
        return Answer(None, cannot)


def start(workers: Workers, threads: int = 0) -> dict[str, Yardstick]:
    """Start TensorFlow as installed and, where that is without oneDNN, one that is forced to it.

    The second is left out where TensorFlow has no oneDNN to be turned on.
    """
    installed = Yardstick(workers, environment(threads=threads))
    found = {INSTALLED: installed}
    if installed.call("describe")["onednn"] == "off":
        forced = Yardstick(workers, environment(threads=threads, onednn=True))
        if forced.call("describe")["onednn"] == "on":
            found[FORCED] = forced
    return found


def describe(yardsticks: dict[str, Yardstick]) -> dict[str, Any]:
    """Return what TensorFlow says of itself, for the machine block.

    Returns
    -------
    dict
        ``tensorflow``, its version; ``onednn``, "on" or "off" as installed;
        ``onednn_instruction_set``, the widest that it may use; ``yardsticks``, a sentence each.

    Raises
    ------
    StartError
        If TensorFlow does not convolve.
    """
    block: dict[str, Any] = yardsticks[INSTALLED].call("describe")
    told = yardsticks.get(FORCED, yardsticks[INSTALLED])
    isa = ""
    if told.call("describe")["onednn"] == "on":
        isa = instruction_set(forced=FORCED in yardsticks)
    block["onednn_instruction_set"] = isa or "none"
    block["yardsticks"] = {
        name: sentence(name, block["tensorflow"], one.call("describe")["onednn"], isa)
        for name, one in yardsticks.items()
    }
    return block


def instruction_set(*, forced: bool) -> str:
    """Return the widest instruction set that oneDNN may use here, in its own words or "".

    Raises
    ------
    StartError
        If TensorFlow does not convolve.
    """
    try:
        return tensorflow_build.ask(environment(onednn=True if forced else None)).instruction_set
    except RuntimeError as error:
        raise StartError(str(error)) from error


def sentence(name: str, version: str, onednn: str, instruction_set: str) -> str:
    """Return what a yardstick is, in one line.

    Examples
    --------
    >>> sentence(FORCED, "2.21.0", "on", "AVX2")
    'TensorFlow 2.21.0 with oneDNN forced on, AVX2'
    """
    isa = f", {instruction_set}" if instruction_set and onednn == "on" else ""
    if name == FORCED:
        return f"TensorFlow {version} {name}{isa}"
    given = os.environ.get(_VARIABLE)
    where = f" ({_VARIABLE}={given})" if given is not None else ""
    how = "with oneDNN" if onednn == "on" else "without oneDNN (Eigen)"
    return f"TensorFlow {version} {name}{where}: {how}{isa}"

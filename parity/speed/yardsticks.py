"""What the subject is held against: TensorFlow as installed, and with oneDNN forced on.

Which TensorFlow each is has been asked in the process that is compared and timed.
"""

from __future__ import annotations

import os

from parity.model.case import Case
from parity.oracles import build as tensorflow_build
from parity.speed.agreement import Answer
from parity.speed.processes import StartError, Worker, WorkerError, Workers, environment

INSTALLED = "as installed"
TENSORFLOW = "tensorflow"
"""What its workers run."""
FORCED = "with oneDNN forced on"
_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def start(workers: Workers, threads: int = 0) -> dict[str, Worker]:
    """Start TensorFlow as installed and, where that is without oneDNN, one that is forced to it.

    The second is left out where TensorFlow has no oneDNN to be turned on.
    """
    installed = workers.start(TENSORFLOW, environment(threads=threads))
    found = {INSTALLED: installed}
    if installed.call("describe")["onednn"] == "off":
        forced = workers.start(TENSORFLOW, environment(threads=threads, onednn=True))
        if forced.call("describe")["onednn"] == "on":
            found[FORCED] = forced
    return found


def prepare(worker: Worker, token: str, modes: list[str]) -> Answer:
    """Make a layer's calls ready to be timed; where NCHW cannot be done, in NHWC."""
    try:
        return Answer(worker.call("prepare", token, modes))
    except WorkerError as error:
        cannot = error.reason
    if Case.parse(token).data_format == "NCHW":
        try:
            return Answer(worker.call("prepare", token, modes, True), cannot, in_nhwc=True)
        except WorkerError as error:
            cannot = f"{cannot}; in NHWC: {error.reason}"
    return Answer(None, cannot)


def describe(yardsticks: dict[str, Worker]) -> dict[str, object]:
    """Return what the machine block says of TensorFlow.

    Raises
    ------
    StartError
        If TensorFlow does not convolve.
    """
    told = {name: worker.call("describe") for name, worker in yardsticks.items()}
    isa = ""
    if any(one["onednn"] == "on" for one in told.values()):
        try:
            forced = environment(onednn=True if FORCED in yardsticks else None)
            isa = tensorflow_build.ask(forced).instruction_set
        except RuntimeError as error:
            raise StartError(str(error)) from error
    return {
        **told[INSTALLED],
        "onednn_instruction_set": isa or "none",
        "yardsticks": {
            name: sentence(name, one["tensorflow"], one["onednn"], isa)
            for name, one in told.items()
        },
    }


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

"""TensorFlow with oneDNN, forced on where a CPU has it off, in a process of its own.

It is TensorFlow as installed on CPUs with AVX512-VNNI, AVX512-BF16, AMX or the like; elsewhere
oneDNN has to be asked for.  It cannot live beside TensorFlow without oneDNN, and some calls kill
it: whoever calls learns so by `Killed`.  The process has imported TensorFlow but calls it in forks
of itself only, one after the other, so that the next call need not wait for another import.

Two settings make its faults the same on every run.  Memory that it allocates is filled with large
numbers (by glibc, elsewhere not), so that a result that it leaves unwritten is never right by
chance.  Two threads, the least number with which it divides a convolution among threads.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from parity.engine import note
from parity.model.case import Array
from parity.oracles import build

SECONDS = 120.0
"""How long a call may take."""
THREADS = 2
_ENVIRONMENT = {
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=1:glibc.malloc.tcache_count=0",
}
_CAPS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")


class Killed(Exception):  # noqa: N818 - what became of the process, not an error of ours
    """The call ended the process, or was not done in time."""


class Refused(Exception):  # noqa: N818 - TensorFlow's own error, by its name
    """The call raised; the subclass has the name of what was raised."""


@dataclass(frozen=True)
class Machine:
    """What decides which of its kernels oneDNN takes.

    Attributes
    ----------
    instruction_set
        The widest that oneDNN may use, as `parity.oracles.build.Build` names it; "" where
        TensorFlow has no oneDNN.
    how
        "native" if the CPU has no wider one that oneDNN knows, "capped" if ``ONEDNN_MAX_CPU_ISA``
        keeps oneDNN from it.  TensorFlow and parts of oneDNN look at the CPU itself, so that the
        same instruction set need not give the same results both ways.
    """

    instruction_set: str
    how: Literal["native", "capped"] = "native"

    def __str__(self) -> str:
        """Return both in words."""
        return f"{self.instruction_set} ({self.how})"


class Child:
    """A process with TensorFlow and oneDNN; the next call after one that hung has another.

    With `onednn` "0" it is TensorFlow without it.
    """

    def __init__(self, onednn: str = "1") -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "parity.oracles.onednn", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # to end it with its fork
                stdout=self._log,
                stderr=self._log,
                cwd=Path(__file__).parents[2],
                env={**os.environ, **_ENVIRONMENT, "TF_ENABLE_ONEDNN_OPTS": onednn},
            )
        atexit.register(self.close)
        try:
            self.version: str = self._answer()
        except Killed as error:
            self._log.seek(0)
            log = self._log.read().decode(errors="replace")
            wrong = RuntimeError(f"TensorFlow in a child does not start: {error}\n{log}")
            raise note.blame(note.ORACLE, wrong) from error

    def call(self, function: str, *arguments: Any, **keywords: Any) -> Array:
        """Return what a function of TensorFlow's gives in a fork of the process.

        Raises
        ------
        Killed
            If the call ends its process or is not done in time.
        Refused
            If the call raises.
        """
        with suppress(ConnectionError):  # it is gone, as _answer will tell
            self._pipe.send((function, arguments, keywords))
        answer = self._answer()
        if isinstance(answer, int):
            raise Killed(f"the process ended with status {answer}")
        if isinstance(answer, tuple):
            name, message = answer
            raise type(name, (Refused,), {})(message)
        result: Array = answer
        return result

    def close(self) -> None:
        """End the process."""
        atexit.unregister(self.close)
        child.cache_clear()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()
        self._log.close()

    def _answer(self) -> Any:
        try:
            if self._pipe.poll(SECONDS):
                return self._pipe.recv()
            reason = f"no answer within {SECONDS:.0f} s"
        except (EOFError, ConnectionError):
            reason = f"the process ended with status {self._process.wait(10)}"
        if hasattr(self, "version"):
            self.close()
        raise Killed(reason)


@cache
def child(onednn: str = "1") -> Child:
    """Return the one child of this process with oneDNN or without, which ends with it."""
    return Child(onednn)


@cache
def machine() -> Machine:
    """Ask oneDNN what it may use in such a process, and whether it is kept from more."""
    given = build.ask(_ENVIRONMENT)
    if not given.onednn:
        return Machine("")
    caps = dict.fromkeys(_CAPS) if any(name in os.environ for name in _CAPS) else {}
    whole = build.ask({**_ENVIRONMENT, **caps})
    kept = given.instruction_set != whole.instruction_set
    return Machine(given.instruction_set, "capped" if kept else "native")


def conv2d(*arguments: Any, **keywords: Any) -> Array:
    """Call tf.nn.conv2d with oneDNN; raises as `Child.call` does."""
    return child().call("conv2d", *arguments, **keywords)


def renew() -> None:
    """Have the next call run in a process that no call has run in yet."""
    with suppress(Killed):
        child().call("exit", 1)


def main(descriptor: int) -> None:
    """Answer calls until the parent is gone, each fork until a call ends it."""
    warnings.simplefilter("ignore")
    import ml_dtypes  # noqa: F401  (TensorFlow takes and gives its bfloat16)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    with Connection(descriptor) as pipe:
        pipe.send(tf.__version__)
        # TensorFlow starts its threads with the first call: until then it can be forked.
        while (fork := os.fork()) > 0:
            _, status = os.waitpid(fork, 0)
            if status == 0:
                return
            pipe.send(os.waitstatus_to_exitcode(status))
        with suppress(EOFError):
            for function, arguments, keywords in iter(pipe.recv, None):
                called = os._exit if function == "exit" else build.function(tf, function)
                try:
                    answer: Any = called(*arguments, **keywords).numpy()
                except Exception as error:  # whatever it is: the parent has to know
                    answer = type(error).__name__, str(error)
                pipe.send(answer)
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Worker processes of which at most one runs: the others are stopped meanwhile.

After a matrix product the threads of OpenBLAS and of TensorFlow keep spinning
for a while, waiting for more work. Two implementations in one process, or two
processes that both run, therefore slow each other down by up to a factor of
two. Here each implementation has a process of its own, and every process but
the one whose turn it is has been stopped by SIGSTOP.

A request is a name and its arguments, sent through a pipe; see `parity.speed.worker`. Should the
parent die, the kernel kills its workers, the stopped ones too (on Linux).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPCONV_NUM_THREADS",
    "NPROC",  # JAX's
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class WorkerError(RuntimeError):
    """A worker raised, died or did not answer in time.

    Attributes
    ----------
    reason
        What happened, in a line.
    of_subject
        Whether it was the subject's worker: then it is a disagreement.
    """

    def __init__(self, message: str, *, reason: str = "", of_subject: bool = True) -> None:
        super().__init__(message)
        self.reason = reason or message.partition("\n")[0]
        self.of_subject = of_subject


class StartError(WorkerError):
    """A worker could not import its implementation: the call was wrong, not a result."""


class Worker:
    """A process that runs `parity.speed.worker`, stopped except during `call`.

    Where a call has ended its process, the next one has another.

    Parameters
    ----------
    implementation
        What it runs: ``"tensorflow"`` or a subject such as ``"npconv:conv2d"``.
    changes
        To the environment; None removes a variable.

    Raises
    ------
    StartError
        If it cannot import its implementation.
    """

    def __init__(
        self, implementation: str, changes: Mapping[str, str | None] | None = None
    ) -> None:
        self.implementation = implementation
        # The child must find `parity` and the subject, wherever this process was started.
        path = os.pathsep.join(folder or str(Path.cwd()) for folder in (str(_ROOT), *sys.path))
        variables = {**os.environ, "PYTHONPATH": path, **(changes or {})}
        self._variables = {name: value for name, value in variables.items() if value is not None}
        self._start()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._pipe, theirs = Pipe()
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "parity.speed.worker"),
                    *(str(theirs.fileno()), str(os.getpid()), self.implementation),
                ],
                env=self._variables,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                start_new_session=True,  # as what another user runs, for the kernel's scheduler
            )
        finally:
            theirs.close()
        self.usable = True
        try:
            self.call("ready")
        except BaseException as error:
            self.close()
            if isinstance(error, WorkerError):
                raise StartError(str(error), reason=error.reason) from error
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def call(self, request: str, *arguments: Any, timeout: float = 300.0) -> Any:
        """Let the worker run, answer one request, and stop it again.

        Raises
        ------
        WorkerError
            If the worker raises (its traceback is in the message), dies, or
            takes longer than `timeout` seconds.
        """
        if not self.usable:
            self.close()
            self._start()
        try:
            with self.running():
                self.begin(request, *arguments)
                if not self._pipe.poll(timeout):
                    self.usable = False
                    raise self._error(f"no answer to {request} in {timeout:g} s")
                succeeded, value = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.usable = False
            status = self._process.wait(timeout=10)
            self._errors.seek(0)
            log = self._errors.read().decode(errors="replace")[-4000:]
            raise self._error(f"died with status {status} during {request}", log) from error
        if not succeeded:
            reason, traceback = value
            raise self._error(f"{request} failed", traceback, reason)
        return value

    def begin(self, request: str, *arguments: Any) -> None:
        """Send a request, which the worker sees to while it runs."""
        self._pipe.send((request, arguments))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run meanwhile; it has stopped, with all its threads, when this ends."""
        self._process.send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGSTOP)
                # WNOWAIT leaves the status of a process that died to Popen.
                os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def close(self) -> None:
        """Kill the process, stopped or not, and reap it."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        self._errors.close()

    def _error(self, what: str, log: str = "", reason: str = "") -> WorkerError:
        return WorkerError(
            f"{self.implementation}: {what}\n{log}".rstrip(),
            reason=reason or what,
            of_subject=":" in self.implementation,  # the others' names have none
        )


class Workers(ExitStack):
    """A set of workers; leaving the ``with`` block kills them, whatever happened.

    Examples
    --------
    >>> with Workers() as workers:  # doctest: +SKIP
    ...     ours = workers.start("npconv:conv2d")
    ...     theirs = workers.start("tensorflow")
    ...     theirs.call("describe")  # `ours` is stopped meanwhile
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: list[Worker] = []

    def start(self, implementation: str, changes: Mapping[str, str | None] | None = None) -> Worker:
        """Start a worker, which is stopped as soon as it is ready."""
        worker = Worker(implementation, changes)
        self.callback(worker.close)
        self.started.append(worker)
        return worker

    @property
    def pids(self) -> list[int]:
        """The processes that have not ended."""
        return [worker.pid for worker in self.started if worker.usable]


def environment(*, threads: int = 0, onednn: bool | None = None) -> dict[str, str | None]:
    """Return the changes to the environment for a worker.

    Parameters
    ----------
    threads
        Threads for every library; 0 leaves each its default.
    onednn
        None leaves TensorFlow as it is installed here, with whatever the user's environment says
        of ``TF_ENABLE_ONEDNN_OPTS``; True or False forces oneDNN on or off.
    """
    changes: dict[str, str | None] = {
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    if onednn is not None:
        changes["TF_ENABLE_ONEDNN_OPTS"] = str(int(onednn))
    return changes | dict.fromkeys(_THREADS if threads else (), str(threads))

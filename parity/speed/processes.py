"""Worker processes of which at most one runs: the others are stopped meanwhile.

After a matrix product the threads of OpenBLAS and of TensorFlow keep spinning
for a while, waiting for more work. Two implementations in one process, or two
processes that both run, therefore slow each other down by up to a factor of
two. Here each implementation has a process of its own, and every process but
the one whose turn it is has been stopped by SIGSTOP.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from parity.speed.spinner import Spinner

_ROOT = Path(__file__).resolve().parents[2]


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

    Parameters
    ----------
    implementation
        What it runs: ``"tensorflow"`` or a subject such as ``"npconv:conv2d"``.
    environment
        Changes to the environment; None removes a variable.
    """

    def __init__(
        self, implementation: str, environment: Mapping[str, str | None] | None = None
    ) -> None:
        self.implementation = implementation
        self.environment = environment
        self.usable = True
        """Whether it may be called again: it has not died, and owes no answer."""
        variables: dict[str, str | None] = {**os.environ, **(environment or {})}
        # The child must find `parity`, wherever this process was started.
        paths = [str(_ROOT), *filter(None, [variables.get("PYTHONPATH")])]
        variables["PYTHONPATH"] = os.pathsep.join(paths)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-m", "parity.speed.worker"]
        command += [str(theirs.fileno()), str(os.getpid()), implementation]
        try:
            self._process = subprocess.Popen(
                command,
                env={key: value for key, value in variables.items() if value is not None},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
            )
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def call(self, request: str, *arguments: Any, timeout: float = 300.0) -> Any:
        """Let the worker run, answer one request, and stop it again.

        Raises
        ------
        WorkerError
            If the worker raises (its traceback is in the message), dies, or
            takes longer than `timeout` seconds.
        """
        self.resume()
        try:
            self._pipe.send((request, arguments))
            if not self._pipe.poll(timeout):
                self.usable = False
                raise self._error(f"no answer to {request} in {timeout:g} s")
            succeeded, value = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.usable = False
            status = self._process.wait(timeout=10)
            raise self._error(f"died with status {status} during {request}", self._log()) from error
        finally:
            if self._process.poll() is None:
                self.stop()
        if not succeeded:
            reason, traceback = value
            raise self._error(f"{request} failed", traceback, reason)
        return value

    def stop(self) -> None:
        """Stop the process and wait until it has stopped, all its threads with it."""
        self._process.send_signal(signal.SIGSTOP)
        # WNOWAIT leaves the status of a process that died to Popen.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let the process run again."""
        self._process.send_signal(signal.SIGCONT)

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

    def _log(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]


class Workers:
    """A set of workers; leaving the ``with`` block kills them, whatever happened.

    Examples
    --------
    >>> with Workers() as workers:  # doctest: +SKIP
    ...     ours = workers.start("npconv:conv2d")
    ...     theirs = workers.start("tensorflow")
    ...     theirs.call("describe")  # `ours` is stopped meanwhile
    """

    def __init__(self) -> None:
        self._workers: list[Worker | Spinner] = []

    def start(
        self, implementation: str, environment: Mapping[str, str | None] | None = None
    ) -> Worker:
        """Start a worker and stop it as soon as it is ready.

        Raises
        ------
        StartError
            If it cannot import its implementation.
        """
        worker = Worker(implementation, environment)
        self._workers.append(worker)
        try:
            worker.call("ready")
        except WorkerError as error:
            raise StartError(str(error), reason=error.reason) from error
        return worker

    def spinner(self) -> Spinner:
        """Start a process that can take a core, stopped."""
        spinner = Spinner()
        self._workers.append(spinner)
        return spinner

    def renewed(self, worker: Worker) -> Worker:
        """Return `worker`, or another in its place if it is no longer usable."""
        if worker.usable:
            return worker
        self._workers.remove(worker)
        worker.close()
        return self.start(worker.implementation, worker.environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._workers:
            self._workers.pop().close()


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
    if threads:
        for name in (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "BLIS_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
            "NPCONV_NUM_THREADS",
            "NPROC",  # JAX's
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ):
            changes[name] = str(threads)
    return changes

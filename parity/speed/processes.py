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

_ROOT = Path(__file__).resolve().parents[2]


class WorkerError(RuntimeError):
    """A worker raised, died or did not answer in time."""


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
                raise WorkerError(f"{self.implementation}: no answer to {request} in {timeout} s")
            succeeded, value = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            status = self._process.wait(timeout=10)
            raise WorkerError(
                f"{self.implementation}: died with status {status} during {request}\n{self._log()}"
            ) from error
        finally:
            if self._process.poll() is None:
                self.stop()
        if not succeeded:
            raise WorkerError(f"{self.implementation}: {request} failed\n{value}")
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
        self._workers: list[Worker] = []

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
            raise StartError(str(error)) from error
        return worker

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


def environment(*, threads: int = 0, onednn: bool = True) -> dict[str, str | None]:
    """Return the changes to the environment for a worker.

    Parameters
    ----------
    threads
        Threads for every library; 0 leaves each its default.
    onednn
        True removes ``TF_ENABLE_ONEDNN_OPTS``, so that TensorFlow is as people
        install it; False sets it to 0 (for meaning, never for timing).
    """
    changes: dict[str, str | None] = {
        "TF_ENABLE_ONEDNN_OPTS": None if onednn else "0",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        "CUDA_VISIBLE_DEVICES": "-1",
    }
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

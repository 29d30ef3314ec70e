"""A cluster of dask.distributed, each worker of which holds child processes that may die.

A subject that ends its process would otherwise end a worker with everything that it was doing, and
the scheduler would blame whatever happened to run there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import count
from multiprocessing import current_process
from typing import Any, Generic

from distributed import Client, KilledWorker, Worker, WorkerPlugin, get_worker

from parity.engine.children import Children
from parity.engine.outcome import Outcome, R, T
from parity.model.settings import Settings
from parity.model.verdict import WrongCall

SECONDS = 30.0
"""How long the scheduler may take to answer, and to have a worker."""
_AHEAD = 2
"""Tasks for each process of the cluster: one that it does, and one that waits there."""


class Cluster(Generic[T, R]):
    """The workers of the scheduler at `settings.cluster`; see `Children`.

    Raises
    ------
    WrongCall
        If nobody answers there, or a worker has no parity or no processes of its own.
    """

    def __init__(self, function: Callable[[Settings, T], R], settings: Settings) -> None:
        self._name, self._number = f"parity-{uuid.uuid4().hex}", count()
        try:
            self._client = Client(settings.cluster, timeout=SECONDS, set_as_default=False)
            self._client.wait_for_workers(1, SECONDS)
            self._client.register_plugin(_Holder(function, settings), self._name)
        except Exception as error:  # a worker's own among them, such as that it has no parity
            raise WrongCall(f"--cluster {settings.cluster}: {error}") from error

    @property
    def width(self) -> int:
        """How many tasks its workers take, as many as they are just now."""
        return max(1, _AHEAD * sum(map(int, self._client.nthreads().values())))

    def submit(self, task: T) -> Any:
        """Run a task on any worker, and again on another one if that goes away."""
        key = f"{self._name}-{next(self._number)}"
        return self._client.submit(_call, self._name, task, key=key, pure=False)

    def outcome(self, future: Any) -> Outcome[T, R] | None:
        """Return what became of a task; None if each worker that had it went away."""
        try:
            found: Outcome[T, R] = future.result()
        except KilledWorker:
            return None
        return found

    def close(self) -> None:
        """End what is still running, and leave the cluster as it was."""
        self._client.unregister_worker_plugin(self._name)
        self._client.close()


class _Holder(WorkerPlugin):  # type: ignore[misc]
    """Holds the processes of a worker, one for each of its threads."""

    def __init__(self, function: Callable[[Settings, Any], Any], settings: Settings) -> None:
        self._given = function, settings

    def setup(self, worker: Worker) -> None:
        """Begin with a worker."""
        if current_process().daemon:
            raise RuntimeError(
                "a worker has to be allowed child processes: start it with"
                " DASK_DISTRIBUTED__WORKER__DAEMON=False in its environment, or with --no-nanny"
            )
        self.children: Children[Any, Any] = Children(*self._given, worker.state.nthreads)

    def teardown(self, worker: Worker) -> None:
        """End with it."""
        self.children.close()


def _call(name: str, task: T) -> Outcome[T, Any]:
    """Run a task in a child process of this worker."""
    holder = get_worker().plugins[name]
    assert isinstance(holder, _Holder)
    return holder.children.submit(task).result()

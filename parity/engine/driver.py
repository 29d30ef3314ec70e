"""Run tasks in processes, of this machine or of a cluster, and hear what became of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from queue import SimpleQueue
from typing import Any

from parity.engine.children import Children
from parity.engine.outcome import Outcome, R, T
from parity.model.settings import Settings


def run(
    function: Callable[[Settings, T], R],
    tasks: Iterable[T],
    settings: Settings,
    heard: Callable[[Outcome[T, R]], Iterable[T] | None],
    *,
    most_crashes: int | None = None,
) -> None:
    """Call ``function(settings, task)`` for every task, in processes that may die.

    One that dies, or whose call takes too long, is replaced, and its task is not tried again; where
    a whole worker of a cluster goes away, what it had is run elsewhere.  Whatever is raised here,
    also KeyboardInterrupt, kills the processes first.

    Parameters
    ----------
    function
        Of a module; the processes import it by its name.
    tasks
        Anything that can be pickled; taken in this order, when a process is free.
    settings
        How many processes, where, and how long one call of the subject or of TensorFlow may take.
    heard
        Called here with what became of each task; what it returns is run next.
    most_crashes
        After so many crashes no more tasks are begun; by default all are.
    """
    place: Any
    if settings.cluster:
        from parity.engine.cluster import Cluster

        place = Cluster(function, settings)
    else:
        place = Children(function, settings, settings.jobs)
    first: deque[T] = deque()
    others = iter(tasks)
    running: dict[Any, T] = {}
    finished: SimpleQueue[Any] = SimpleQueue()
    crashes = 0
    with closing(place):
        while True:
            while (most_crashes is None or crashes < most_crashes) and len(running) < place.width:
                found = [first.popleft()] if first else list(islice(others, 1))
                if not found:
                    break
                future = place.submit(*found)
                running[future] = found[0]
                future.add_done_callback(finished.put)
            if not running:
                return
            future = finished.get()
            task = running.pop(future)
            outcome: Outcome[T, R] | None = place.outcome(future)
            if outcome is None:
                first.appendleft(task)
            else:
                crashes += outcome.crash is not None
                first.extendleft(reversed([*(heard(outcome) or ())]))

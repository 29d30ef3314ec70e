"""What a report compares by itself: photographs, errors by output, and the ledger.

All in one go, so that no core waits while one of them has a single task left.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console

from parity.engine import jobs, note
from parity.engine.jobs import Crash
from parity.model.settings import Settings
from parity.report import errors, photographs
from parity.report.errors import Errors
from parity.report.photographs import Compared, Example
from parity.speed.agreement import failed

Task = Example | str
"""A photograph, a dtype of the errors, or `LEDGER`."""
LEDGER = "ledger"


@dataclass
class Samples:
    """What came out.

    Attributes
    ----------
    failures, doubts
        What disagrees in the errors by output, and what could not be told.
    """

    real_input: list[Compared] = field(default_factory=list)
    errors: list[Errors] = field(default_factory=list)
    ledger: Any = None
    failures: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def taken(settings: Settings, *, quick: bool) -> Samples:
    """Compare all within the scope of `settings`; little of it, and no ledger, if `quick`."""
    scope = settings.scope
    chosen = photographs.within(scope)
    dtypes = [dtype for dtype in errors.FLOATS if dtype in scope.dtypes]
    if quick:
        chosen, dtypes = photographs.fewest(chosen), dtypes[:1]
    tasks: list[Task] = [*chosen, *dtypes]
    if scope.is_npconv and not quick:
        tasks.insert(0, LEDGER)  # it takes longest
    found: dict[int, Any] = {}
    samples = Samples()

    def crashed(crash: Crash) -> None:
        number, task = crash.task
        # What raised is the subject's, or a result of its that cannot be compared.
        mine = crash.of_subject or crash.status is None
        if mine and isinstance(task, Example):
            found[number] = photographs.row(task, failed(crash.reason))
        else:
            name = task.name if isinstance(task, Example) else task
            (samples.failures if mine else samples.doubts).append(f"{name}: {crash.reason}")

    jobs.run(
        "parity.report.samples:send",
        list(enumerate(tasks)),
        replace(settings, call_seconds=max(settings.call_seconds, photographs.SECONDS)),
        lambda _, sent: found.update([sent]),
        after_crash=crashed,
    )
    for number in sorted(found):
        one = found[number]
        if isinstance(one, str):
            samples.doubts.append(one)
        elif isinstance(one, Compared):
            samples.real_input.append(one)
        elif isinstance(one, Errors):
            samples.errors.append(one)
            if one.beyond:
                samples.failures.append(f"{one.dtype}: an error beyond the bound")
        else:
            from parity.report.document import attributes

            samples.ledger = attributes(one)
    return samples


def work(settings: Settings, task: Task) -> Compared | Errors | str | Any:
    """Return what one task found, or in words why nothing can be told."""
    from parity.claims import check

    if isinstance(task, Example):
        return photographs.compared(settings, task)
    if task == LEDGER:
        from parity.ledger import command as ledger

        return ledger.check(Console(file=io.StringIO()))
    try:
        return errors.measured(settings, task)
    except Exception as error:
        if not (check.not_supported(error) or check.oracle_failed(error)):
            raise
        whose = jobs.WHOSE[note.raised_by(error)]
        return f"{task}: {whose} raises {type(error).__name__}: {error}"


def send(settings: Settings, task: tuple[int, Task], send: Any) -> None:
    """Send what `work` returns, with the number of the task."""
    number, one = task
    send((number, work(settings, one)))

"""What a report compares by itself: photographs, errors by output, and the ledger.

All in one go, so that no core waits while one of them has a single task left.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace

from rich.console import Console

from parity import engine
from parity.engine import Outcome, note
from parity.ledger import command as ledger
from parity.ledger.command import Ledger
from parity.model.settings import Settings
from parity.report import errors, photographs
from parity.report.errors import Errors
from parity.report.photographs import Compared, Example
from parity.speed.agreement import failed

Task = Example | str
"""A photograph, a dtype of the errors, or `LEDGER`."""
Result = Compared | Errors | Ledger | str
LEDGER = "ledger"


@dataclass
class Samples:
    """What came out; what disagrees in the errors by output, and what could not be told."""

    real_input: list[Compared] = field(default_factory=list)
    errors: list[Errors] = field(default_factory=list)
    ledger: Ledger | None = None
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
    found: dict[int, Result] = {}
    samples = Samples()

    def heard(outcome: Outcome[tuple[int, Task], Result]) -> None:
        (number, task), crash = outcome.task, outcome.crash
        if crash is None:
            assert outcome.result is not None
            found[number] = outcome.result
        # What raised is the subject's, or a result of its that cannot be compared.
        elif not (crash.of_subject or crash.status is None) or task == LEDGER:
            samples.doubts.append(f"{_name(task)}: {crash.reason}")
        elif isinstance(task, Example):
            found[number] = photographs.row(task, failed(crash.reason))
        else:
            samples.failures.append(f"{task}: {crash.reason}")

    patient = replace(settings, call_seconds=max(settings.call_seconds, photographs.SECONDS))
    engine.run(compared, list(enumerate(tasks)), patient, heard)
    for _, one in sorted(found.items(), key=lambda item: item[0]):
        if isinstance(one, str):
            samples.doubts.append(one)
        elif isinstance(one, Compared):
            samples.real_input.append(one)
        elif isinstance(one, Ledger):
            samples.ledger = one
        else:
            samples.errors.append(one)
            if one.beyond:
                samples.failures.append(f"{one.dtype}: an error beyond the bound")
    return samples


def compared(settings: Settings, task: tuple[int, Task]) -> Result:
    """Return what one task found, or in words why nothing can be told."""
    from parity.claims import check

    _, one = task
    if isinstance(one, Example):
        return photographs.compared(settings, one)
    if one == LEDGER:
        return ledger.check(Console(file=io.StringIO()))
    try:
        return errors.measured(settings, one)
    except Exception as error:
        if not (check.not_supported(error) or check.oracle_failed(error)):
            raise
        return f"{one}: {note.WHOSE[note.raised_by(error)]} raises {type(error).__name__}: {error}"


def _name(task: Task) -> str:
    return task.name if isinstance(task, Example) else task

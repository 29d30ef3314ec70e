"""The terminal: tables that are not squeezed when piped into a file, and a bar of progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def console() -> Console:
    """Return a console that does not squeeze tables when piped into a file."""
    found = Console()
    return found if found.is_terminal else Console(width=220)


@contextmanager
def progress(to: Console, title: str, total: int) -> Iterator[Progress]:
    """Show a bar on a terminal, nothing in a file."""
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=to, transient=True, disable=not to.is_terminal) as bar:
        bar.add_task(title, total=total)
        yield bar

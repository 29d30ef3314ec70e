"""Terminal tables and the progress of a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from parity.speed import measure
from parity.speed.measure import KERNEL, SUBJECT

_COLOURS = {"faster": "green", "slower": "red", "same": "dim"}


def console() -> Console:
    """Return a console that does not squeeze tables when piped into a file."""
    found = Console()
    return found if found.is_terminal else Console(width=160)


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


def speed_table(rows: list[dict[str, Any]], net: str) -> Table:
    """Return the rows of one net, times in ms, ratios with their 95 % intervals."""
    table = Table(
        title=f"{net}: time of the subject / time of TensorFlow, below 1 the subject is faster"
    )
    table.add_column("layer", no_wrap=True)
    for heading in (
        "error/\nbound",
        "subject\nms",
        "TF\nms",
        "subject\nGFLOP/s",
        "TF\nGFLOP/s",
        "ratio, 95 %\ninterval",
        "TF / TF\n(noise)",
        "ratio from\nNumPy",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("other\nwork", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in (row for row in rows if row["net"] == net):
        agreement = row["agreement"]
        if "ratios" not in row:
            table.add_row(row["name"], "[bold red]DISAGREES[/]")
            continue
        times, rates = row["milliseconds"], row["gflops"]
        kernel, noise = row["ratios"]["kernel"], row["ratios"]["A/A"]
        colour = _COLOURS[kernel["verdict"]]
        same = agreement["verdict"] == "bit-identical"
        table.add_row(
            f"{row['count']} x {row['name']}",
            "same bits" if same else f"{agreement['subject']:.2g}",
            digits(times[SUBJECT]),
            digits(times[KERNEL]),
            digits(rates[SUBJECT]),
            digits(rates[KERNEL]),
            f"{kernel['ratio']:.2f} [dim]{kernel['low']:.2f}-{kernel['high']:.2f}[/]",
            f"{noise['ratio']:.2f} [dim]{noise['low']:.2f}-{noise['high']:.2f}[/]",
            f"{row['ratios']['from NumPy']['ratio']:.2f}",
            busy(row["other_work"]),
            f"[{colour}]{kernel['verdict']}[/]",
        )
    return table


def summary_table(lines: list[dict[str, Any]]) -> Table:
    """Return one line a net."""
    table = Table(title="Summary: time of the subject / time of TensorFlow")
    table.add_column("net")
    for heading in (
        "geometric mean\n(kernel)",
        "smallest -\nlargest",
        "geometric mean\n(from NumPy)",
        "TF / TF\nmean",
        "TF / TF\nworst",
        "other\nwork",
        "faster / same\n/ slower",
        "all convolutions, ms\nsubject : TF",
    ):
        table.add_column(heading, justify="right")
    for line in lines:
        mean, verdicts, total = (
            line["geometric_mean"],
            line["verdicts"],
            line["total_milliseconds"],
        )
        table.add_row(
            line["net"],
            f"{mean['kernel']:.3f}",
            f"{line['smallest']:.2f} - {line['largest']:.2f}",
            f"{mean['from NumPy']:.3f}",
            f"{mean['A/A']:.3f}",
            f"{line['noisiest']:.2f}",
            busy(line["other_work"]),
            " / ".join(str(verdicts[word]) for word in ("faster", "same", "slower")),
            f"{digits(total[SUBJECT])} : {digits(total[KERNEL])}",
        )
    return table


def busy(share: float | None) -> str:
    """Write how much of the machine other processes took, marked where it was too much."""
    if share is None:
        return "unknown"
    return f"[bold yellow]{share:.0%}[/]" if share > measure.TOO_BUSY else f"{share:.0%}"


def machine_table(machine: dict[str, Any]) -> Table:
    """Return the machine block."""
    table = Table(title="Machine", show_header=False)
    for key, value in machine.items():
        if isinstance(value, list):
            value = " ".join(value)
        elif isinstance(value, dict):
            value = " ".join(f"{name}={setting}" for name, setting in value.items()) or "-"
        table.add_row(key.replace("_", " "), str(value))
    return table


def digits(value: float) -> str:
    """Write a positive number with three digits.

    Examples
    --------
    >>> digits(0.012345), digits(1.2345), digits(234.5)
    ('0.0123', '1.23', '234')
    """
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value < 0.1 else f"{value:#.3g}"

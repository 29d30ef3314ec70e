"""Terminal tables of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.limits import STEPS
from parity.speed.recipes import TEN_LINES
from parity.speed.records import TOO_BUSY, Block, Group, Line, Mean, Row, Speed, grouped
from parity.speed.rows import (
    ALGORITHM,
    FORCED,
    KERNEL,
    LABELS,
    NOISE,
    PLAIN,
    SUBJECT,
    THEIRS,
    beyond,
    bounds,
)
from parity.speed.statistics import NEAR, Ratio, mean_ratio

_COLOURS = {"faster": "green", "slower": "red", "same": "dim", "withheld": "bold yellow"}
_OWN_COLUMNS = (*LABELS, NOISE, FORCED, TEN_LINES, *THEIRS.values(), *STEPS)
"""The ratios that are shown elsewhere than beside others."""
_WORST = 8
_FASTER = "time of the subject / time of TensorFlow as installed: below 1 the subject is faster"

Column = tuple[str, Callable[[Row], str]]


def all_of(document: Speed) -> Iterator[RenderableType]:
    """Yield everything that is shown of a measurement."""
    yield told(document.machine)
    for key, rows in grouped(document.rows).items():
        yield speed_table(rows, key)
        yield from filter(None, (bounds_table(rows, key), beside_table(rows, key)))
        if timed := [row for row in rows if row.first_microseconds]:
            yield worst_table(timed)
    if any(row.busy is not None for row in document.rows):
        yield (
            "[bold]One core taken: figures of a busy machine. A process that this command started"
            " for that computes without end; it is not counted as other work.[/]"
        )
    lines = document.summary
    if any(line.means for line in lines):
        yield summary_table([line for line in lines if line.means])
    if any(line.regret for line in lines):
        yield regret_table(lines)
    if any(line.first_calls for line in lines):
        yield first_table(lines)
    yield machine_table(document.machine)


def told(machine: Block) -> str:
    """Return which TensorFlow stands behind TF and, if there is one, +oneDNN; and ten lines."""
    said = zip(("TF", "+oneDNN"), machine.yardsticks.values(), strict=False)
    plain = "ten lines: im2col in plain NumPy, parity/speed/ten_lines.py"
    return "; ".join([*(f"{name} is {sentence}" for name, sentence in said), plain])


def speed_table(rows: Sequence[Row], key: Group) -> Table:
    """Return the rows of a group, times in ms, ratios with their 95 % intervals.

    TF is TensorFlow as installed, +oneDNN that with oneDNN forced on; `told` says what they are.
    """

    def time(name: str) -> Callable[[Row], str]:
        return lambda row: digits(row.milliseconds[name]) if name in row.milliseconds else "-"

    def rate(name: str) -> Callable[[Row], str]:
        return lambda row: digits(row.gflops[name])

    def ratio(label: str) -> Callable[[Row], str]:
        return lambda row: f"{row.ratios[label].ratio:.2f}" if label in row.ratios else "-"

    def whole(label: str, other: str = "cannot") -> Callable[[Row], str]:
        return lambda row: interval(row.ratios[label]) if label in row.ratios else other

    forced = any(FORCED in row.ratios for row in rows)
    scratch = any(row.scratch_bytes is not None for row in rows)
    columns: list[Column] = [
        ("error/\nbound", _error),
        ("subject\nms", time(SUBJECT)),
        ("TF\nms", time(KERNEL)),
        ("subject\nGFLOP/s", rate(SUBJECT)),
        ("TF\nGFLOP/s", rate(KERNEL)),
        ("of peak", lambda row: f"{row.peak_share[SUBJECT]:.0%}" if row.peak_share else "-"),
        ("ratio, 95 %\ninterval", whole("kernel")),
        ("TF / TF\n(noise)", whole(NOISE)),
        ("from\nNumPy", ratio("from NumPy")),
        ("tf.func-\ntion", ratio("tf.function")),
        *([("+oneDNN\nms", time(FORCED)), ("ratio to\n+oneDNN", whole(FORCED))] if forced else []),
        ("ratio to\nten lines", ratio(TEN_LINES)),
        ("ten lines\n/ TF", ratio(PLAIN)),
        *([("scratch\nMiB", lambda row: f"{(row.scratch_bytes or 0) / 2**20:.2f}")] * scratch),
        *([("cores\ntaken", lambda row: f"{row.busy:.2f}")] * key.busy),
        ("other\nwork", lambda row: busy(row.other_work)),
        ("verdict", _verdict),
    ]
    table = _table(f"{key.title}. {_FASTER.capitalize()}", [name for name, _ in columns])
    for row in rows:
        if row.ratios:
            table.add_row(f"{row.count} x {row.name}", *(cell(row) for _, cell in columns))
        else:
            table.add_row(row.name, _untimed(row))
    return table


def _error(row: Row) -> str:
    if row.agreement.verdict == "bit-identical":
        return "same bits"
    return f"{row.agreement.error:.2g}"


def _verdict(row: Row) -> str:
    verdict = row.ratios["kernel"].verdict or "same"
    doubts = f" [yellow]{' '.join(row.doubts)}[/]" if row.doubts else ""
    return f"[{_COLOURS[verdict]}]{verdict}[/]{doubts}"


def _untimed(row: Row) -> str:
    verdict = row.agreement.verdict
    if verdict in (DISAGREES, NOT_COMPARED):
        return f"[bold {'red' if verdict == DISAGREES else 'yellow'}]{verdict}[/]"
    return f"[dim]{verdict}[/]" if row.first_microseconds else "[bold yellow]not timed[/]"


def bounds_table(rows: Sequence[Row], key: Group) -> Table | None:
    """Return what the steps of NumPy take alone, layer by layer, and their means, if known."""
    timed = [(row, found) for row in rows if (found := bounds(row))]
    if not timed:
        return None
    names = (*STEPS, SUBJECT, KERNEL)
    table = _table(
        f"{key.title}. What bounds NumPy, ms: the steps alone, product and copy on all"
        " threads; least: product and casts",
        [*names, "least / TF", "subject / least"],
    )
    for row, found in timed:
        times = row.milliseconds
        cells = (digits(times[name]) if name in times else "" for name in names)
        table.add_row(row.name, *cells, *map(interval, found))
    means = (mean_ratio(some) for some in zip(*(found for _, found in timed), strict=True))
    table.add_row("geometric mean", *[""] * len(names), *map(interval, means))
    return table


def beside_table(rows: Sequence[Row], key: Group) -> Table | None:
    """Return the optional contenders' times and the subject's ratios to them, if there are any.

    Of prepared filters, their ratios to TensorFlow as well, and the geometric means of both. Of
    algorithms, the one that the rules choose is bold, and so is the regret of the choice.
    """
    found = (name for row in rows for name in (*row.beside, *row.ratios))
    names = [name for name in dict.fromkeys(found) if name not in _OWN_COLUMNS]
    if not names:
        return None
    regret = any(row.regret for row in rows)
    headings = ["subject", "TF", *names, *(["regret: choice\n/ best"] * regret)]
    told = "Others' ms, subject / other, and of npconv's own other / TF with its interval"
    table = _table(f"{key.title}. {told}", headings)
    both: dict[str, list[list[Ratio]]] = {name: [] for name in names}
    for row in (row for row in rows if row.ratios):
        times = row.milliseconds
        cells = [digits(times[SUBJECT]), digits(times[KERNEL])]
        for name in names:
            if name in row.ratios:
                two = [row.ratios[one] for one in (name, THEIRS.get(name)) if one in row.ratios]
                both[name].append(two)
                cell = f"{digits(times[name])} {_both(two)}"
                cells.append(f"[bold]{cell}[/]" if name == ALGORITHM + row.chosen else cell)
            else:
                refused = row.beside[name].refused if name in row.beside else ""
                cells.append(f"[dim]{escape(refused[:60])}[/]" if refused else "")
        if row.regret:
            colour = "green" if row.regret.ratio <= NEAR else "red"
            cells.append(f"[{colour}]{interval(row.regret)}[/] {row.best}")
        table.add_row(row.name, *cells)
    means = (_both([mean_ratio(one) for one in zip(*both[name], strict=True)]) for name in names)
    table.add_row("geometric mean", "", "", *means)
    return table


def _both(ratios: Sequence[Ratio]) -> str:
    """Write subject / other and, of npconv's own, other / TensorFlow."""
    first = [f"[dim]{one.ratio:.2f}[/]" for one in ratios[:1]]
    return " ".join([*first, *map(interval, ratios[1:])])


def worst_table(rows: Sequence[Row]) -> Table:
    """Return the layers whose first call takes the subject most beyond the second."""
    table = _table("The subject's worst, microseconds", ["more", "first", "second", "third"])
    for row in sorted(rows, key=lambda row: -beyond(row, SUBJECT))[:_WORST]:
        calls = np.median(row.first_microseconds[SUBJECT], axis=0)
        table.add_row(row.name, *(f"{value:.0f}" for value in (beyond(row, SUBJECT), *calls)))
    return table


def summary_table(lines: Sequence[Line]) -> Table:
    """Return one line a net and setting of threads."""
    forced = any(FORCED in line.means for line in lines)
    table = _table(
        f"Summary, geometric means: {_FASTER}",
        [
            "threads",
            "kernel, 95 %\ninterval",
            "verdict",
            "smallest -\nlargest",
            "from\nNumPy",
            "tf.func-\ntion",
            *(["to TF\n+oneDNN"] if forced else []),
            "to ten lines,\nworst",
            "ten lines\n/ TF",
            "TF / TF\nmean",
            "TF / TF\nworst",
            "narrow\nintervals",
            "drift, bimo-\ndal, noisy",
            "other\nwork",
            "faster / same\n/ slower / with-\nheld",
            "all convolutions, ms\nsubject : TF",
        ],
        "net",
    )
    for line in lines:
        kernel, total, verdict = line.means["kernel"], line.total_milliseconds, line.verdict or ""
        table.add_row(
            line.net,
            f"{line.threads}{', busy' if line.busy is not None else ''}",
            interval(kernel),
            f"[{_COLOURS[verdict]}]{verdict}[/]",
            f"{kernel.smallest:.2f} - {kernel.largest:.2f}",
            *(f"{line.means[label].ratio:.3f}" for label in ("from NumPy", "tf.function")),
            *([_mean(line, FORCED)] if forced else []),
            _mean(line, TEN_LINES, worst=True),
            _mean(line, PLAIN),
            f"{line.means[NOISE].ratio:.3f}",
            f"{line.noisiest:.2f}",
            f"{line.intervals_reached} of {line.layers}",
            ", ".join(map(str, line.flags.values())),
            busy(line.other_work),
            " / ".join(map(str, line.verdicts.values())),
            f"{digits(total[SUBJECT])} : {digits(total[KERNEL])}",
        )
    return table


def _mean(line: Line, label: str, *, worst: bool = False) -> str:
    found: Mean | None = line.means.get(label)
    if found is None:
        return "-"
    part = "" if found.layers == line.layers else f" ({found.layers})"
    return f"{found.ratio:.3f}{part}" + (f", {found.largest:.2f}" * worst)


def regret_table(lines: Sequence[Line]) -> Table:
    """Return how often the choice of the rules is near the best algorithm, a line a net."""
    headings = ["threads", "near the best", "surely far", "withheld", "largest regret"]
    table = _table(
        f"Layers whose algorithm takes at most {NEAR:g} x the best's time", headings, "net"
    )
    for line in lines:
        if found := line.regret:
            near = f"{found.near} of {line.layers}, {found.near / line.layers:.1%}"
            counts = (str(found.surely_far), str(found.withheld), f"{found.largest:.2f}")
            table.add_row(line.net, str(line.threads), near, *counts)
    return table


def first_table(lines: Sequence[Line]) -> Table:
    """Return how the first calls' excess is spread over layers, a line a set and side."""
    headings = ("the second\ncall itself", "median", "90 %", "worst", "second - third\nmedian")
    table = _table(
        "First call of a new shape - the second, microseconds",
        ["side", "layers", *headings, "worst", "other\nwork"],
        "set",
    )
    for line in lines:
        for side, found in line.first_calls.items():
            figures = (f"{value:.0f}" for value in asdict(found).values())
            work = busy(line.other_work)
            table.add_row(line.group.title, side, str(line.layers), *figures, work)
    return table


def machine_table(machine: Block) -> Table:
    """Return the machine block."""
    table = Table(title="Machine", show_header=False)
    for key, value in asdict(machine).items():
        if isinstance(value, list):
            value = " ".join(value)
        elif key == "yardsticks":
            value = "\n".join(value.values())
        elif isinstance(value, dict):
            value = " ".join(f"{name}={setting}" for name, setting in value.items()) or "-"
        table.add_row(key.replace("_", " "), str(value))
    return table


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what has to be said of rows: how the subject failed, what others cannot do."""
    found: list[str] = []
    for row in rows:
        where = f"{row.net}: {row.name}"
        if row.disagrees:
            how = row.agreement.failed or "its result is beyond the bound"
            found.append(f"DISAGREES: {where}: {how}: {row.token}")
        for name, one in row.agreement.yardsticks.items():
            if one.cannot:
                instead = "; compared and timed in NHWC" if one.in_nhwc else ""
                found.append(f"{where}: TensorFlow {name} cannot: {one.cannot}{instead}")
        if TEN_LINES in row.beside and (refused := row.beside[TEN_LINES].refused):
            found.append(f"{where}: ten lines of NumPy are not timed: {refused}")
        if row.not_timed:
            found.append(f"{where}: not timed: {row.not_timed}")
    return list(dict.fromkeys(found))


def _table(title: str, headings: Sequence[str], first: str = "layer") -> Table:
    """Return a table whose first column is a name and the others are figures."""
    table = Table(title=title)
    table.add_column(first, no_wrap=True)
    for heading in headings:
        left = heading in ("verdict", "side")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    return table


def interval(found: Ratio | Mean) -> str:
    """Write a ratio with its interval."""
    return f"{found.ratio:.2f} [dim]{found.low:.2f}-{found.high:.2f}[/]"


def busy(share: float) -> str:
    """Write how much of the machine other processes took, marked where it was too much."""
    return f"[bold yellow]{share:.0%}[/]" if share > TOO_BUSY else f"{share:.0%}"


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

"""Terminal tables and the progress of a measurement."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from parity.speed.agreement import DISAGREES, NOT_COMPARED
from parity.speed.limits import CASTS, COPY, PRODUCT
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import (
    FORCED,
    KERNEL,
    LABELS,
    PLAIN,
    SUBJECT,
    TOO_BUSY,
    Group,
    bounds,
    mean_bounds,
)

_COLOURS = {"faster": "green", "slower": "red", "same": "dim", "withheld": "bold yellow"}

_VERDICTS = ("faster", "same", "slower", "withheld")


def speed_table(rows: list[dict[str, Any]], key: Group) -> Table:
    """Return the rows of a group, times in ms, ratios with their 95 % intervals.

    TF is TensorFlow as installed, +oneDNN that with oneDNN forced on; `told` says what they are.
    """
    scratch = any("scratch_bytes" in row for row in rows)
    peak = any("peak_share" in row for row in rows)
    forced = any(FORCED in row.get("ratios", {}) for row in rows)
    table = Table(
        title=f"{key.title}. Time of the subject / time of TensorFlow as installed:"
        " below 1 the subject is faster"
    )
    table.add_column("layer", no_wrap=True)
    for heading in (
        "error/\nbound",
        "subject\nms",
        "TF\nms",
        "subject\nGFLOP/s",
        "TF\nGFLOP/s",
        *(["of peak"] if peak else []),
        "ratio, 95 %\ninterval",
        "TF / TF\n(noise)",
        "from\nNumPy",
        "tf.func-\ntion",
        *(["+oneDNN\nms", "ratio to\n+oneDNN"] if forced else []),
        "ratio to\nten lines",
        "ten lines\n/ TF",
        *(["scratch\nMiB"] if scratch else []),
        *(["cores\ntaken"] if key.busy else []),
        "other\nwork",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        if "ratios" not in row:
            table.add_row(row["name"], _untimed(row))
            continue
        agreement, times, rates = row["agreement"], row["milliseconds"], row["gflops"]
        kernel, noise = row["ratios"]["kernel"], row["ratios"]["A/A"]
        colour = _COLOURS[kernel["verdict"]]
        same = agreement["verdict"] == "bit-identical"
        table.add_row(
            f"{row['count']} x {row['name']}",
            "same bits" if same else f"{agreement['error']:.2g}",
            digits(times[SUBJECT]),
            digits(times[KERNEL]),
            digits(rates[SUBJECT]),
            digits(rates[KERNEL]),
            *([f"{row['peak_share'][SUBJECT]:.0%}"] if peak else []),
            interval(kernel),
            interval(noise),
            f"{row['ratios']['from NumPy']['ratio']:.2f}",
            f"{row['ratios']['tf.function']['ratio']:.2f}",
            *(_beside_forced(row) if forced else []),
            *(_ratio(row["ratios"].get(name)) for name in (TEN_LINES, PLAIN)),
            *([f"{row['scratch_bytes'] / 2**20:.2f}"] if scratch else []),
            *([_taken(row["busy"])] if key.busy else []),
            busy(row["other_work"]),
            f"[{colour}]{kernel['verdict']}[/]" + doubts(row),
        )
    return table


def _untimed(row: dict[str, Any]) -> str:
    verdict = row["agreement"]["verdict"]
    if verdict == DISAGREES:
        return f"[bold red]{verdict}[/]"
    return f"[bold yellow]{verdict if verdict == NOT_COMPARED else 'not timed'}[/]"


def _beside_forced(row: dict[str, Any]) -> list[str]:
    if FORCED not in row["ratios"]:
        return ["-", "cannot"]
    return [digits(row["milliseconds"][FORCED]), interval(row["ratios"][FORCED])]


def _ratio(found: dict[str, Any] | None) -> str:
    return f"{found['ratio']:.2f}" if found else "-"


def _taken(cores: float | None) -> str:
    return "unknown" if cores is None else f"{cores:.2f}"


def told(machine: dict[str, Any]) -> str:
    """Return which TensorFlow stands behind TF and, if there is one, +oneDNN; and ten lines."""
    names = ("TF", "+oneDNN")
    said = zip(names, machine["yardsticks"].values(), strict=False)
    plain = "ten lines: im2col in plain NumPy, parity/speed/ten_lines.py"
    return "; ".join([*(f"{name} is {sentence}" for name, sentence in said), plain])


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """Return what has to be said of rows: how the subject failed, what others cannot do."""
    found: list[str] = []
    for row in rows:
        where = f"{row['net']}: {row['name']}"
        if row["agreement"]["failed"]:
            found.append(f"DISAGREES: {where}: {row['agreement']['failed']}: {row['token']}")
        for name, one in row["agreement"]["yardsticks"].items():
            if one["cannot"]:
                instead = "; compared and timed in NHWC" if one["in_nhwc"] else ""
                found.append(f"{where}: TensorFlow {name} cannot: {one['cannot']}{instead}")
        if "refused" in (plain := row.get("beside", {}).get(TEN_LINES, {})):
            found.append(f"{where}: ten lines of NumPy are not timed: {plain['refused']}")
        if "not_timed" in row:
            found.append(f"{where}: not timed: {row['not_timed']}")
    return list(dict.fromkeys(found))


def interval(ratio: dict[str, Any]) -> str:
    """Write a ratio with its interval."""
    return f"{ratio['ratio']:.2f} [dim]{ratio['low']:.2f}-{ratio['high']:.2f}[/]"


def doubts(row: dict[str, Any]) -> str:
    """Write a row's flags, and "wide" where the intervals have not become narrow."""
    words = [*row["flags"], *([] if row["interval_reached"] else ["wide"])]
    return f" [yellow]{' '.join(words)}[/]" if words else ""


def beside_table(rows: list[dict[str, Any]], key: Group) -> Table | None:
    """Return the optional contenders' times and the subject's ratios to them, if there are any."""
    shown = (*LABELS, "A/A", FORCED, TEN_LINES, PLAIN, PRODUCT, COPY, CASTS)
    names = dict.fromkeys(
        name
        for row in rows
        for name in (*row.get("beside", {}), *row.get("ratios", {}))
        if name not in shown
    )
    if not names:
        return None
    table = Table(title=f"{key.title}. Others' ms, and subject / other")
    table.add_column("layer", no_wrap=True)
    for name in ("subject", "TF", *names):
        table.add_column(name, justify="right")
    for row in (row for row in rows if "ratios" in row):
        cells = []
        for name in names:
            if name in row["ratios"]:
                ratio = row["ratios"][name]["ratio"]
                cells.append(f"{digits(row['milliseconds'][name])} [dim]{ratio:.2f}[/]")
            else:
                refused = row.get("beside", {}).get(name, {}).get("refused", "not timed")
                cells.append(f"[dim]{escape(refused[:60])}[/]")
        times = row["milliseconds"]
        table.add_row(row["name"], digits(times[SUBJECT]), digits(times[KERNEL]), *cells)
    return table


def bounds_table(rows: list[dict[str, Any]], key: Group) -> Table | None:
    """Return what the steps of NumPy take alone, layer by layer, and their means, if known."""
    timed = [(row, found) for row in rows if (found := bounds(row))]
    if not timed:
        return None
    table = Table(
        title=f"{key.title}. What bounds NumPy, ms: the steps alone, product and copy on all"
        " threads; least: product and casts"
    )
    table.add_column("layer", no_wrap=True)
    for heading in (PRODUCT, COPY, CASTS, SUBJECT, "TF", "least / TF", "subject / least"):
        table.add_column(heading, justify="right")
    for row, found in timed:
        times = row["milliseconds"]
        names = (PRODUCT, COPY, CASTS, SUBJECT, KERNEL)
        cells = [digits(times[name]) if name in times else "" for name in names]
        table.add_row(row["name"], *cells, *map(interval, (found["least"], found["above"])))
    means = mean_bounds([found for _, found in timed])
    means_cells = map(interval, (means["least"], means["above"]))
    table.add_row("geometric mean", "", "", "", "", "", *means_cells)
    return table


def summary_table(lines: list[dict[str, Any]]) -> Table:
    """Return one line a net and setting of threads."""
    forced = any(FORCED in line["beside"] for line in lines)
    table = Table(
        title="Summary: time of the subject / time of TensorFlow as installed, geometric means"
    )
    table.add_column("net")
    for heading in (
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
            f"{line['threads']}{', busy' if 'busy' in line else ''}",
            interval({"ratio": mean["kernel"], **line["geometric_mean_interval"]["kernel"]}),
            f"[{_COLOURS[line['verdict']]}]{line['verdict']}[/]",
            f"{line['smallest']:.2f} - {line['largest']:.2f}",
            f"{mean['from NumPy']:.3f}",
            f"{mean['tf.function']:.3f}",
            *([_mean(line, FORCED)] if forced else []),
            _mean(line, TEN_LINES, worst=True),
            _mean(line, PLAIN),
            f"{mean['A/A']:.3f}",
            f"{line['noisiest']:.2f}",
            f"{line['intervals_reached']} of {line['layers']}",
            ", ".join(map(str, line["flags"].values())),
            busy(line["other_work"]),
            " / ".join(str(verdicts[word]) for word in _VERDICTS),
            f"{digits(total[SUBJECT])} : {digits(total[KERNEL])}",
        )
    return table


def _mean(line: dict[str, Any], name: str, *, worst: bool = False) -> str:
    if name not in line["beside"]:
        return "-"
    found = line["beside"][name]
    part = "" if found["layers"] == line["layers"] else f" ({found['layers']})"
    return f"{found['geometric_mean']:.3f}{part}" + (f", {found['largest']:.2f}" * worst)


def busy(share: float | None) -> str:
    """Write how much of the machine other processes took, marked where it was too much."""
    if share is None:
        return "unknown"
    return f"[bold yellow]{share:.0%}[/]" if share > TOO_BUSY else f"{share:.0%}"


def machine_table(machine: dict[str, Any]) -> Table:
    """Return the machine block."""
    table = Table(title="Machine", show_header=False)
    for key, value in machine.items():
        if isinstance(value, list):
            value = " ".join(value)
        elif key == "yardsticks":
            value = "\n".join(value.values())
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

"""``python -m parity report``: one HTML page and one JSON file on agreement and speed."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from parity import real_input, subject
from parity.report import document, forest, page, proof, questions
from parity.speed import command as speed
from parity.speed import document as speed_document
from parity.speed import layers, tables
from parity.speed.failures import FAILURES, told
from parity.speed.questions import command as asking
from parity.speed.questions import document as answers

_LAYERS = ("resnet50", "small", "mobilenetv2")
_SECONDS = 2.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    others = [net for net in layers.available() if net not in _LAYERS]
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where report.html and report.json go (default: here)",
    )
    parser.add_argument(
        "--picture", metavar="FILE.svg", type=Path, help="also write the forest plot alone"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        choices=layers.available(),
        default=_LAYERS,
        help=f"layer sets (default: {' '.join(_LAYERS)})",
    )
    parser.add_argument(
        "--regret",
        metavar="FILE.json",
        type=Path,
        help="show also the planner's regret, written by speed --all-algorithms --json FILE.json",
    )
    parser.epilog = (
        f"By default the layers of {', '.join(others)} are left out, and so are"
        " other numbers of threads than each library's own (--threads '1 default' doubles the"
        " time), what bounds NumPy (--bounds), other libraries (--beside), the largest rows of"
        " the questions (--questions all) and the planner's regret (--regret)."
    )
    subject.add_arguments(parser)
    speed.add_settings(parser, seconds=_SECONDS, memory=True)
    questions.add_arguments(parser)
    proof.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, measure, write, print; return 1 if anything disagrees, 2 for a wrong call.

    3 if too little was compared for the agreement to be trusted.
    """
    console = tables.console()
    start = time.monotonic()
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        subject.use(arguments)  # the proof's processes read the environment
        subject.load()
        optional = {}
        if arguments.regret:  # what can be refused is refused before much time is spent
            optional["regret"] = speed_document.read(arguments.regret, speed_document.REGRET)
        asked = questions.chosen(arguments.questions, subject.scope().dtypes)
        with tables.progress(console, "real input", len(real_input.examples())) as bar:
            results = real_input.run(subject.name(), lambda name: bar.advance(bar.task_ids[0]))
        chosen = [layer for net in arguments.layers for layer in layers.read(net)]
        proved = proof.gather(arguments, console)
        times = speed.times(chosen, speed.settings(arguments), console)
        if asked:
            name, seconds = subject.name(), arguments.question_seconds
            optional["questions"] = asking.answer(asked, name, seconds, console)
    except FAILURES as error:
        return told("report", error)
    data = document.build(results, times, proved, **optional)
    html, numbers = arguments.output / "report.html", arguments.output / "report.json"
    numbers.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    html.write_text(page.render(data, results), encoding="utf-8")
    written = [html, numbers]
    if arguments.picture:
        arguments.picture.write_text(forest.draw(times) + "\n", encoding="utf-8")
        written.append(arguments.picture)
    console.print(_real_table(data["real_input"]))
    speed.show(times, console)
    if asked:
        asking.show(optional["questions"], console)
    for sentence in _disagreements(optional):
        console.print(f"DISAGREES: {sentence}", style="bold red", markup=False)
    for path in written:
        console.print(f"{path}  {path.stat().st_size / 1024:.0f} kB", highlight=False)
    agreeing = sum(row["agrees"] for row in data["real_input"])
    console.print(f"the proof: {proved['verdict']}", highlight=False)
    timed = len(times["rows"]) - len(speed.disagreements(times))
    took = f"{time.monotonic() - start:.0f} s"
    console.print(
        f"real input: {agreeing} of {len(data['real_input'])} agree; layers: {timed} of "
        f"{len(times['rows'])} agree; questions: {_answered(optional)}; {took}",
        style="bold green" if data["agrees"] else "bold red",
        highlight=False,
    )
    return int(proved["exit_code"]) if data["agrees"] else 1


def _answered(optional: dict[str, Any]) -> str:
    if "questions" not in optional:
        return "not asked"
    rows = [row for one in optional["questions"]["questions"] for row in one["rows"]]
    return f"{sum(row['agrees'] for row in rows)} of {len(rows)} rows agree"


def _disagreements(optional: dict[str, Any]) -> list[str]:
    found = answers.disagreements(optional["questions"]) if "questions" in optional else []
    for row in optional.get("regret", {"rows": []})["rows"]:
        found += [f"{name}: {row['token']}" for name in row["disagree"]]
    return found


def _real_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Real input: the subject beside TensorFlow")
    for heading in ("filter", "photograph", "dtype", "layout", "TF without oneDNN"):
        table.add_column(heading)
    for heading in ("TF default", "error / bound\nsubject, TF, TF default"):
        table.add_column(heading)
    for row in rows:
        spec, installed = row["without_onednn"], row["default_build"]
        shares = (spec["subject"], spec["other"], installed["other"])
        table.add_row(
            row["name"],
            row["photograph"],
            row["dtype"] + (" (exact)" if row["exact"] else ""),
            row["data_format"],
            _coloured(spec["verdict"]),
            _coloured(installed["verdict"]),
            ", ".join("∞" if share is None else f"{share:.2g}" for share in shares),
        )
    return table


def _coloured(verdict: str) -> str:
    return f"[{'bold red' if verdict == 'DISAGREES' else 'green'}]{verdict}[/]"

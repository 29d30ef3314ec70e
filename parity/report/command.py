"""``python -m parity report``: one HTML page and one JSON file on agreement and speed."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from parity.cli import options, terminal
from parity.examples import corners
from parity.model import verdict
from parity.report import document, forest, page, proof, questions, real_input
from parity.speed import command as speed
from parity.speed import document as speed_document
from parity.speed import layers
from parity.speed.agreement import AGREEING, DISAGREES, NOT_COMPARED
from parity.speed.arguments import add_settings, settings
from parity.speed.failures import FAILURES, told
from parity.speed.questions import command as asking
from parity.speed.questions import document as answers

_LAYERS = ("resnet50", "small", "mobilenetv2")
_SECONDS = 2.5
_QUICK = {
    "layers": ("small",),
    "rounds": 6,  # the fewest of which an interval says something
    "seconds": 0.0,
    "memory": False,
    "minutes": 0.05,
    "every": 2000,
    "questions": "none",
}
_STYLES = {
    verdict.AGREEMENT: "bold green",
    verdict.DISAGREEMENT: "bold red",
    verdict.MISTRUSTED: "bold yellow",
}
_FEW = 4
"""A quick report times one layer in so many."""


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
        "--quick",
        action="store_true",
        help="run as little as possible of everything, to see that it works here; the page says"
        f" so. Sets {', '.join(f'--{name}' for name in _QUICK)}, leaves most real inputs, layers"
        " and mutants out, and the ledger",
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
        " time), a busy machine (--busy), what bounds NumPy (--bounds), other libraries"
        " (--beside), the largest rows of the questions (--questions all) and the planner's regret"
        " (--regret)."
    )
    options.add_subject(parser)
    add_settings(parser, seconds=_SECONDS, memory=True)
    questions.add_arguments(parser)
    proof.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, measure, write, print; return 1 if anything disagrees, 2 for a wrong call.

    3 if too little was compared for the agreement to be trusted.
    """
    if arguments.quick:
        vars(arguments).update(_QUICK)
    console = terminal.console()
    start = time.monotonic()
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
        run_settings = options.settings(arguments)
        scope = run_settings.scope
        optional = {}
        if arguments.regret:  # what can be refused is refused before much time is spent
            optional["regret"] = speed_document.read(arguments.regret, speed_document.REGRET)
        asked = questions.chosen(arguments.questions, scope.dtypes)
        examples = real_input.within(scope)
        chosen = [
            layer
            for net in arguments.layers
            for layer in layers.read(net)
            if corners.within(layer.case, scope)
        ]
        if arguments.quick:
            examples, chosen = real_input.fewest(examples), chosen[::_FEW]
        if not chosen:
            raise ValueError("no layer of the sets lies within what the subject supports")
        with terminal.progress(console, "real input", len(examples)) as bar:
            results = real_input.run(
                scope.subject, examples, lambda name: bar.advance(bar.task_ids[0])
            )
        proved = proof.gather(arguments, run_settings, console)
        times = speed.times(chosen, settings(arguments), console)
        if asked:
            name, seconds = scope.subject, arguments.question_seconds
            optional["questions"] = asking.answer(asked, name, seconds, console)
    except FAILURES as error:
        return told("report", error)
    data = document.build(results, times, proved, quick=arguments.quick, **optional)
    html, numbers = arguments.output / "report.html", arguments.output / "report.json"
    numbers.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    html.write_text(page.render(data, results), encoding="utf-8")
    written = [html, numbers]
    if arguments.picture:
        arguments.picture.write_text(forest.draw(times) + "\n", encoding="utf-8")
        written.append(arguments.picture)
    console.print(_real_table(data["real_input"]))
    for note in real_input.notes(data["real_input"]):
        console.print(note, style="yellow", markup=False, highlight=False)
    speed.show(times, console)
    if asked:
        asking.show(optional["questions"], console)
    for sentence in _disagreements(optional):
        console.print(f"DISAGREES: {sentence}", style="bold red", markup=False)
    for path in written:
        console.print(f"{path}  {path.stat().st_size / 1024:.0f} kB", highlight=False)
    agreeing = sum(result.agreement.verdict in AGREEING for result in results)
    console.print(f"the proof: {proved['verdict']}", highlight=False)
    layers_agreeing = sum(row["agreement"]["verdict"] in AGREEING for row in times["rows"])
    took = f"{time.monotonic() - start:.0f} s"
    console.print(
        f"real input: {agreeing} of {len(results)} agree; layers: {layers_agreeing} of"
        f" {len(times['rows'])} agree; questions: {_answered(optional)}; {took}",
        highlight=False,
    )
    console.print(
        f"{'quick: ' if arguments.quick else ''}{data['verdict']}",
        style=_STYLES[data["exit_code"]],
        highlight=False,
    )
    return int(data["exit_code"])


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
    names = list(dict.fromkeys(name for row in rows for name in row["agreement"]["yardsticks"]))
    for heading in ("filter", "photograph", "dtype", "layout", *(f"TF {name}" for name in names)):
        table.add_column(heading)
    table.add_column("error / bound\nsubject, " + ", ".join(names))
    for row in rows:
        agreement = row["agreement"]
        found = [agreement["yardsticks"].get(name) for name in names]
        verdicts = [one["verdict"] if one else agreement["verdict"] for one in found]
        shares = [agreement["error"], *(one["error"] if one else None for one in found)]
        table.add_row(
            row["name"],
            row["photograph"],
            row["dtype"] + (" (exact)" if row["exact"] else ""),
            row["data_format"],
            *map(_coloured, verdicts),
            ", ".join("-" if share is None else f"{share:.2g}" for share in shares),
        )
    return table


def _coloured(verdict: str) -> str:
    colours: dict[str, str] = {DISAGREES: "bold red", NOT_COMPARED: "bold yellow"}
    return f"[{colours.get(verdict, 'green')}]{verdict}[/]"

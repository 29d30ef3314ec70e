"""``python -m parity report``: one HTML page and one JSON file on agreement and speed."""

from __future__ import annotations

import argparse
import base64
import io
import json
import time
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from rich.console import Console
from rich.table import Table

from parity import claims, real_input, subject
from parity.case import Array
from parity.report import document, forest, pictures, proof
from parity.speed import command as speed
from parity.speed import layers, tables
from parity.speed.processes import StartError, WorkerError

_THUMBNAIL = 150


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
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
        default=["resnet50", "small"],
        help="layer sets (default: resnet50 small)",
    )
    subject.add_arguments(parser)
    speed.add_settings(parser)
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
        with tables.progress(console, "real input", len(real_input.examples())) as bar:
            results = real_input.run(subject.name(), lambda name: bar.advance(bar.task_ids[0]))
        chosen = [layer for net in arguments.layers for layer in layers.read(net)]
        proved = proof.gather(arguments, console)
        times = speed.times(chosen, speed.settings(arguments), console)
    except (OSError, ValueError, StartError) as error:
        Console(stderr=True).print(f"parity report: {error}", style="red", markup=False)
        return 2
    except WorkerError as error:  # a valid call that fails is a disagreement
        Console(stderr=True).print(f"DISAGREES: {error}", style="bold red", markup=False)
        return 1
    data = document.build(results, times, proved)
    page, numbers = arguments.output / "report.html", arguments.output / "report.json"
    numbers.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    page.write_text(render(data, results), encoding="utf-8")
    written = [page, numbers]
    if arguments.picture:
        arguments.picture.write_text(forest.draw(times) + "\n", encoding="utf-8")
        written.append(arguments.picture)
    console.print(_real_table(data["real_input"]))
    speed.show(times, console)
    for path in written:
        console.print(f"{path}  {path.stat().st_size / 1024:.0f} kB", highlight=False)
    agreeing = sum(row["agrees"] for row in data["real_input"])
    console.print(f"the proof: {proved['verdict']}", highlight=False)
    timed = len(times["rows"]) - len(speed.disagreements(times))
    console.print(
        f"real input: {agreeing} of {len(data['real_input'])} agree; layers: {timed} of "
        f"{len(times['rows'])} agree; {time.monotonic() - start:.0f} s",
        style="bold green" if data["agrees"] else "bold red",
        highlight=False,
    )
    return int(proved["exit_code"]) if data["agrees"] else 1


def render(data: dict[str, Any], results: list[real_input.Result]) -> str:
    """Return the page: the report's data, and pictures of the real input."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters["digits"] = tables.digits
    shown = [
        {
            "name": result.example.name,
            "photograph": Path(result.example.photograph).stem,
            "before": _data_uri(before),
            "after": _data_uri(after),
        }
        for result, before, after in real_input.pictures(results)
    ]
    name = data["speed"]["settings"]["subject"].partition(":")[0]
    page: str = engine.get_template("page.html.jinja").render(
        **data,
        pictures=shown,
        histogram=lambda one: pictures.histogram(one, name),
        heatmap=lambda one: pictures.heatmap(one, name),
        plot=forest.draw(data["speed"]),
        statements={claim.name: claim.statement for claim in claims.CLAIMS.values()},
        doubt=speed.doubtful(data["speed"]),
    )
    return page


def _data_uri(pixels: Array) -> str:
    """Return a small PNG as a data URI, its longer side at most `_THUMBNAIL` pixels."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((_THUMBNAIL, _THUMBNAIL))
    # 64 colours are enough for a thumbnail, at a third of the size.
    image = image.quantize(64)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


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

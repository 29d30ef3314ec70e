"""The HTML page, made from the report's data."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from parity import claims, real_input
from parity.case import Array
from parity.report import forest, pictures, questions, timing
from parity.speed import command as speed
from parity.speed import tables
from parity.speed.rows import spoken

_THUMBNAIL = 150


def render(data: dict[str, Any], results: list[real_input.Result]) -> str:
    """Return the page: the report's data, and pictures of the real input."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters |= {"digits": tables.digits, "spoken": spoken}
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
    optional = {
        "questions": questions.section(data["questions"]) if "questions" in data else None,
        "regret": timing.regret(data["regret"], data["speed"]) if "regret" in data else None,
    }
    page: str = engine.get_template("page.html.jinja").render(
        **(data | optional),
        pictures=shown,
        histogram=lambda one: pictures.histogram(one, name),
        heatmap=lambda one: pictures.heatmap(one, name),
        plot=forest.draw(data["speed"]),
        statements={claim.name: claim.statement for claim in claims.CLAIMS.values()},
        doubt=speed.doubtful(data["speed"]),
        timing=timing.section(data["speed"]),
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

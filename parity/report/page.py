"""The HTML page, made from the report's data."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from parity import claims
from parity.model.case import Array
from parity.report import forest, pictures, questions, real_input, timing
from parity.speed import command as speed
from parity.speed import tables
from parity.speed.agreement import AGREEING
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import FORCED, PLAIN, group

_THUMBNAIL = 150
_OUTCOMES = {
    "agreement": "they agree",
    "disagreement": "they DISAGREE",
    "mistrusted": "MISTRUSTED: too little was compared",
}


def render(data: dict[str, Any], results: list[real_input.Result]) -> str:
    """Return the page: the report's data, and pictures of the real input."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters |= {
        "digits": tables.digits,
        "called": lambda line: group(line).title,
        "share": _share,
    }
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
        **{key: part for key, part in (data | optional).items() if key != "verdict"},
        verdict_word=data["verdict"],  # `verdict` is a macro
        outcome=_OUTCOMES[data["verdict"]],
        is_npconv=data["speed"]["settings"]["subject"].startswith("npconv:"),
        agreeing=AGREEING,
        forced=FORCED,
        ten_lines=TEN_LINES,
        plain=PLAIN,
        yardsticks=list(
            dict.fromkeys(
                one for row in data["real_input"] for one in row["agreement"]["yardsticks"]
            )
        ),
        real_notes=real_input.notes(data["real_input"]),
        notes=tables.notes(data["speed"]["rows"]),
        pictures=shown,
        histogram=lambda one: pictures.histogram(one, name),
        heatmap=lambda one: pictures.heatmap(one, name),
        plot=forest.draw(data["speed"]),
        statements={claim.name: claim.statement for claim in claims.CLAIMS.values()},
        doubt=speed.doubtful(data["speed"]),
        timing=timing.section(data["speed"]),
    )
    return page


def _share(value: float | None) -> str:
    """Write an error as a share of its bound."""
    if value is None:
        return "-"
    return "0" if value == 0 else f"{value:.2g}"


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

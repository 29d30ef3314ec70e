"""The page and the picture, drawn from made-up figures."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest

from parity.model import verdict
from parity.report import document, forest, page, real_input
from parity.speed.agreement import Agreement, Comparison, Verdict, failed
from parity.speed.layers import read
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import (
    AGAIN,
    FORCED,
    FROM_NUMPY,
    FUNCTION,
    KERNEL,
    PLAIN,
    SUBJECT,
    summarise,
)
from parity.speed.rows import summary as summary_of
from parity.tests.speed.test_rows import TOLD, agreeing

CANNOT = "UnimplementedError: <nchw>"


def found(verdict: Verdict = "within bound", cannot: str = "") -> Agreement:
    """Return an agreement beside one yardstick that could, unless nothing is compared."""
    one = Comparison(verdict, 0.5, cannot)
    return Agreement(verdict, 0.25, "", {"without oneDNN": one, "as installed": one})


def speed(
    verdict: str = "within bound", *, forced: bool = False, subject: str = "npconv:conv2d"
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for done, layer in enumerate([*read("resnet50")[:3], *read("small")[:2]]):
        row: dict[str, Any] = {
            "net": layer.net,
            "name": layer.name,
            "count": layer.count,
            "token": layer.case.token(),
            "threads": "default",
            "multiply_adds": layer.multiply_adds,
            "agreement": agreeing(verdict),
        }
        if verdict == "within bound":
            times = {
                SUBJECT: [0.002 * 2**done] * 6,
                KERNEL: [0.004] * 6,
                FROM_NUMPY: [0.005] * 6,
                FUNCTION: [0.0045] * 6,
                AGAIN: [0.0041] * 6,
                TEN_LINES: [0.0068] * 6,
            }
            if forced:
                times[FORCED] = [0.008 * 2**done for _ in times[KERNEL]]
            row |= {"other_work": 0.2, **summarise(times, layer.multiply_adds)}
            row["beside"] = {TEN_LINES: {"error": 0.5}}
        rows.append(row)
    words = "cpu system python subject version numpy blas blas_architecture tensorflow"
    return {
        "machine": {
            **dict.fromkeys(words.split(), "<b>&"),
            "subject": subject,
            "simd": ["avx2"],
            **TOLD,
            "cores": 2,
            "load_1_minute": 0.1,
            "environment": {},
            "blas_threads": 2,
        },
        "settings": {
            "subject": subject,
            "rounds": 5,
            "seconds_a_layer": 1.0,
            "threads": "default",
            "took_seconds": 1.0,
        },
        "rows": rows,
        "summary": summary_of(rows),
    }


def results(agreement: Agreement | None = None) -> list[real_input.Result]:
    example = real_input.examples()[2]
    x, _ = example.arrays()
    output = np.random.default_rng(0).random((1, 64, 64, 2))
    return [real_input.Result(example, example.case(x), agreement or found(), output)]


COUNT = {"claim": "exact", "dtype": "float32", "examples": 7, "distinct": 7, "outputs": 70}
RAN = {
    "asked": True,
    "regression": "",
    "examples": 3,
    "seconds": 1.0,
    "token": "<token>",
    "name": "n",
    "dtype": "float32",
}


def proof(exit_code: int = 0) -> dict[str, Any]:
    """Return a made-up proof that shows everything a page can show."""
    sides = ("subject", "TensorFlow")
    said = {"token": "<token>", "reason": "<reason>"}
    return {
        "exit_code": exit_code,
        "verdict": verdict.VERDICTS[exit_code],
        "sweep": {
            **dict.fromkeys(("subject", "tensorflow"), "<b>&"),
            **dict.fromkeys(("geometries", "left_out", "outputs", "nonzero", "disagreements"), 5),
            "seconds": 1.0,
            "rate_per_job": 5.0,
            "by_dtype": {
                "float32": dict.fromkeys(
                    ("expected", "compared", "outputs", "nonzero", "disagreements"), 5
                )
            },
            "classes": {"groups": 3},
            "first": [said],
            "doubts": ["<doubt>"],
        },
        "campaign": {
            **dict.fromkeys(("subject", "tensorflow"), "<b>&"),
            "seed": 0,
            "jobs": 1,
            "seconds": 60.0,
            "examples_per_second_and_job": 400.0,
            "total": dict.fromkeys(("examples", "distinct", "outputs", "telling"), 12345),
            "counts": [
                {
                    **COUNT,
                    "telling": 60,
                    **dict.fromkeys(("not_supported", "oracle_failed"), 0),
                    "classes": {"groups": 4, "dilation": 2},
                    "largest": {side: {"ratio": 0.25, "token": "<token>"} for side in sides},
                    "ratios": {side: {"-4": 7} for side in sides},
                }
            ],
            "failures": [{"claim": "exact", **said}],
            "crashes": [
                {"job": 0, "note": "<token>", "side": "subject", "reason": "<killed>"}
                | {"traceback": ""}
            ],
            "doubts": ["TensorFlow failed", "<doubt>"],
            "unreached": ["<doubt>"],
            "too_few": ["<few>"],
            "interrupted": False,
            "classes": {"groups": 4, "dilation": 2},
            "exit_code": exit_code,
        },
        "errors": [
            {
                "dtype": "float32",
                "layer": "<layer>",
                "seeds": 2,
                "outputs": 8,
                "histogram": {side: {"exact": 1, "-9": 3, "-4": 4} for side in sides},
                "by_position": {side: [[0.0, 0.5], [0.25, 1.0]] for side in sides},
                "nearer": {"subject": 3, "TensorFlow": 3, "neither": 2},
                "minimum_tolerance": {"absolute": 1e-6, "relative": 1e-5},
            }
        ],
        "failures": ["float32: <beyond>"],
        "doubts": ["float16: <refused>"],
        "mutants": {
            "mutants": [
                {"mutant": "one", "fault": "<fault>", "claim": "exact", **RAN},
                {"mutant": "two", "fault": "<fault>", "claim": "", **RAN},
            ],
            "scope": "everything",
            "asked": 2,
            "killed": 1,
            "killed_by_drawn_examples": 1,
            "survivors": ["two"],
            "control": {"claim": "", **RAN},
            "crashes": [],
            "doubts": [],
            "exit_code": exit_code,
        },
        "ledger": {
            "rows": [
                {
                    "id": "row",
                    "build": "eigen",
                    "tensorflow": "<a>",
                    "npconv": "<b>",
                    "url": "https://example.org",
                    "status": "as written",
                    "stale": False,
                }
            ],
            "missing": [],
            "exit_code": exit_code,
        },
    }


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    data = document.build(results(), speed(), proof())
    html = page.render(data, results())
    assert data["verdict"] == "agreement"
    assert not re.findall(r"src=\"(?!data:)|<(?:link|script)", html)
    assert "url(" not in html
    assert "&lt;b&gt;&amp;" in html
    assert "<b>&<" not in html
    assert html.count("data:image/png;base64,") == 2
    assert "1 of 2" in html  # mutants
    assert "SURVIVES" in html
    assert html.count("MISTRUSTED: ") == 4
    for word in ("token", "reason", "doubt", "fault", "layer", "killed", "few", "beyond"):
        assert f"<{word}>" not in html
        assert f"&lt;{word}&gt;" in html
    assert "DISAGREES: <code>&lt;token&gt;</code>: &lt;killed&gt;" in html
    assert "; 2 disagreements" in html  # of the campaign, one of which ended its process
    assert "MISTRUSTED: float16: &lt;refused&gt;" in html
    assert "MISTRUST" in html
    assert all(row["token"] in html for row in data["speed"]["rows"])


PARTS: dict[str, dict[str, Any]] = {
    "real": {"disagreement": found("DISAGREES"), "mistrusted": found("not compared", CANNOT)},
    "layer": {"disagreement": "DISAGREES", "mistrusted": "not compared"},
    "proof": {"disagreement": 1, "mistrusted": 3},
}


@pytest.mark.parametrize("outcome", ["disagreement", "mistrusted"])
@pytest.mark.parametrize("where", PARTS)
def test_one_part_decides_for_the_report(where: str, outcome: str) -> None:
    part = PARTS[where][outcome]
    real = results(part) if where == "real" else results()
    times = speed(part) if where == "layer" else speed()
    data = document.build(real, times, proof(part if where == "proof" else 0))
    assert data["verdict"] == outcome
    html = page.render(data, real)
    title = {"disagreement": "they DISAGREE", "mistrusted": "MISTRUSTED"}[outcome]
    assert f"<title>npconv:conv2d and TensorFlow: {title}" in html
    assert "they agree" not in html
    colour = {"disagreement": "bad", "mistrusted": "doubt"}[outcome]
    assert f'<b class="{colour}">{title}' in html
    for word in ("mistrusted", "not compared", "disagreement", "DISAGREES"):
        assert f'class="good">{word}' not in html


def test_a_disagreement_counts_before_what_is_mistrusted() -> None:
    data = document.build(results(found("not compared", CANNOT)), speed("DISAGREES"), proof(3))
    assert data["exit_code"] == 1


def test_no_real_input_within_the_scope_is_mistrusted() -> None:
    assert document.build([], speed(), proof())["exit_code"] == 3


def test_what_failed_and_what_cannot_be_done_is_told_apart() -> None:
    real = [*results(found(cannot=CANNOT)), *results(failed("KeyError: <planted>"))]
    real[1] = real_input.Result(real[1].example, real[1].case, real[1].agreement, None)
    html = page.render(document.build(real, speed(), proof()), real)
    assert "TensorFlow as installed cannot: UnimplementedError: &lt;nchw&gt;" in html
    assert '<p class="warn">DISAGREES: Sobel edges, float32 NHWC: KeyError: &lt;planted' in html


def test_the_second_yardstick_has_a_mark_and_a_column_of_its_own() -> None:
    data = speed(forced=True)
    picture = forest.draw(data)
    squares = picture.count('fill="none" stroke="#2a5fb0"')
    # The rows, the two nets' means, one beside its name and one in the legend.
    assert squares == len(data["rows"]) + 2 + 2
    for sentence in TOLD["yardsticks"].values():
        assert sentence in picture
    assert forest.draw(speed()).count('fill="none" stroke="#2a5fb0"') == 1  # the name's
    html = page.render(document.build(results(), data, proof()), results())
    assert html.count("ratio to<br>+oneDNN") == 1
    assert html.count("of the time of TensorFlow with oneDNN forced on, geometric mean") == 4
    assert "ratio to<br>+oneDNN" not in page.render(
        document.build(results(), speed(), proof()), results()
    )


def test_ten_lines_have_a_mark_and_columns_of_their_own() -> None:
    data = speed()
    [shy, *shown] = data["rows"]
    for name in (TEN_LINES, PLAIN):
        del shy["ratios"][name]
    shy["beside"] = {TEN_LINES: {"refused": "<too large>"}}
    data["summary"] = summary_of(data["rows"])
    picture = forest.draw(data)
    assert picture.count('stroke="#8a5a10"') == len(shown) + 2 + 1  # the means, and the legend
    assert picture.count(">1.70<") == len(shown) + 2
    html = page.render(document.build(results(), data, proof()), results())
    # The subject takes 2 ms, then twice as much each, of 6.8.
    for ratio in ("0.59", "1.18", "2.35", "4.71"):
        assert re.search(f'95 % interval [^"]*">{ratio}</td>', html)
    assert html.count('title="&lt;too large&gt;">-</td>') == 2
    assert ">0.83, 1.18</td>" in html
    assert ">3.33, 4.71</td>" in html
    assert html.count(", ten lines of NumPy 1.70</div>") == 2


def test_a_busy_machine_is_a_group_of_its_own() -> None:
    data = speed()
    assert "core taken" not in forest.draw(data)
    data["rows"] += [{**row, "busy": 0.5 + 0.1 * n} for n, row in enumerate(data["rows"])]
    data["summary"] = summary_of(data["rows"])
    picture = forest.draw(data)
    assert picture.count(">, default threads<") == 2
    assert picture.count(">, default threads, one core taken<") == 2
    assert picture.count("<title>float32") == len(data["rows"])
    html = page.render(document.build(results(), data, proof()), results())
    assert html.count('class="group">small, default threads, one core taken<') == 1
    assert "for that took 0.50 to 0.90 cores" in html


def test_the_page_is_about_the_subject() -> None:
    made = proof() | {"ledger": None}
    times = speed(subject="other.lib:conv2d")
    html = page.render(document.build(results(), times, made), results())
    assert "<title>other.lib:conv2d and TensorFlow: they agree</title>" in html
    assert "npconv" not in html
    assert "Ledger" not in html
    assert "Ledger of differences" in page.render(
        document.build(results(), speed(), proof()), results()
    )


def test_a_quick_report_says_so() -> None:
    data = document.build(results(), speed(), proof(), quick=True)
    html = page.render(data, results())
    assert data["quick"]
    assert "Quick: as little as possible" in html
    assert "What so few examples did not reach: 1 classes" in html
    assert "MISTRUSTED: TensorFlow failed" in html
    assert "MISTRUSTED: &lt;doubt&gt;</p>" in html  # the sweep's alone
    assert html.count("MISTRUSTED: &lt;doubt&gt;</p>") == 1
    assert "Quick" not in page.render(document.build(results(), speed(), proof()), results())


def test_the_schema_refuses_a_report_with_a_hole() -> None:
    data = document.build(results(), speed(), proof())
    del data["speed"]["rows"][0]["times_milliseconds"]
    with pytest.raises(jsonschema.ValidationError, match="times_milliseconds"):
        document.check(data)


def test_the_picture_is_an_svg_with_a_dot_a_layer() -> None:
    data = speed()
    root = ElementTree.fromstring(forest.draw(data))
    circles = root.findall(".//{http://www.w3.org/2000/svg}circle[@r='4']")
    assert len(circles) == len(data["rows"]) + 1  # and one in the legend
    left = [float(circle.attrib["cx"]) for circle in circles[:-1]]
    assert left == sorted(left)
    assert left[0] < left[1] < left[2]


@pytest.mark.parametrize("example", real_input.examples(), ids=lambda example: example.name)
def test_the_photographs_are_in_the_wheel(example: real_input.Example) -> None:
    x, w = example.arrays()
    assert x.size > 100_000
    assert float(x.max()) > 0.9
    assert example.case(x).filters_shape == w.shape

"""The page and the picture, drawn from made-up figures."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest

from parity import real_input
from parity.report import command, document, forest
from parity.speed import measure
from parity.speed.agreement import Agreement
from parity.speed.layers import read

FINE = Agreement("within bound", 0.25, 0.5)


def speed(verdict: str = "within bound") -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for done, layer in enumerate([*read("resnet50")[:3], *read("small")[:2]]):
        row: dict[str, Any] = {
            "net": layer.net,
            "name": layer.name,
            "count": layer.count,
            "token": layer.case.token(),
            "multiply_adds": layer.multiply_adds,
            "agreement": {"verdict": verdict, "subject": 0.25, "other": 0.5},
        }
        if verdict != "DISAGREES":
            times = {
                measure.SUBJECT: [0.002 * 2**done] * 5,
                measure.KERNEL: [0.004] * 5,
                measure.FROM_NUMPY: [0.005] * 5,
                measure.AGAIN: [0.0041] * 5,
            }
            row |= {"other_work": 0.2, **measure.summarise(times, layer.multiply_adds)}
        rows.append(row)
    words = "cpu system python subject version numpy blas blas_architecture tensorflow onednn"
    return {
        "machine": {
            **dict.fromkeys(words.split(), "<b>&"),
            "simd": ["avx2"],
            "cores": 2,
            "load_1_minute": 0.1,
            "environment": {},
            "blas_threads": 2,
        },
        "settings": {
            "subject": "npconv:conv2d",
            "rounds": 5,
            "seconds_a_layer": 1.0,
            "threads": "default",
            "took_seconds": 1.0,
        },
        "rows": rows,
        "summary": measure.summary(rows),
    }


def results(oracle: Agreement = FINE, default: Agreement = FINE) -> list[real_input.Result]:
    example = real_input.examples()[2]
    x, _ = example.arrays()
    output = np.random.default_rng(0).random((1, 64, 64, 2))
    return [real_input.Result(example, example.case(x), oracle, default, False, output)]


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    data = document.build(results(), speed())
    page = command.render(data, results())
    assert data["agrees"]
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "url(" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&<" not in page
    assert page.count("data:image/png;base64,") == 2
    assert "MISTRUST" in page
    assert all(row["token"] in page for row in data["speed"]["rows"])


@pytest.mark.parametrize("where", ["oracle", "default", "layer"])
def test_one_disagreement_makes_the_report_disagree(where: str) -> None:
    wrong = Agreement("DISAGREES", None, 0.5)
    real = results(**{where: wrong}) if where != "layer" else results()
    data = document.build(real, speed("DISAGREES") if where == "layer" else speed())
    assert not data["agrees"]
    assert "they DISAGREE" in command.render(data, real)


def test_integers_within_a_bound_are_not_enough() -> None:
    found = results()[0]
    exact = real_input.Result(found.example, found.case, FINE, FINE, True, found.output)
    assert found.agrees
    assert not exact.agrees


def test_the_schema_refuses_a_report_with_a_hole() -> None:
    data = document.build(results(), speed())
    del data["speed"]["rows"][0]["times_milliseconds"]
    with pytest.raises(jsonschema.ValidationError, match="times_milliseconds"):
        document.check(data)


def test_the_picture_is_an_svg_with_a_dot_a_layer() -> None:
    data = speed()
    root = ElementTree.fromstring(forest.draw(data))
    circles = root.findall(".//{http://www.w3.org/2000/svg}circle")
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

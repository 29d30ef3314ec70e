"""Recipes are what is said of them: on a grid, by z3, and in TensorFlow itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.oracles import eigen
from parity.theorems.recipes import ALWAYS, OUTPUTS, PADS, RECIPES, SIZE, Recipe, right
from parity.theorems.recipes_judged import Judged, Unproved, as_json, judge, smallest, table

DOCS = Path(__file__).parents[3] / "docs"
BY_ID = {recipe.id: recipe for recipe in RECIPES}
GRID = [*product(range(1, 14), range(1, 7), range(1, 7), range(1, 5))]
REFUTED = [recipe for recipe in RECIPES if recipe.holds_when != ALWAYS]
each = pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.id)


def test_every_recipe_has_an_id_of_its_own_and_sources() -> None:
    assert len(BY_ID) == len(RECIPES) >= 16
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) for name in BY_ID)
    assert all(re.match("(https://[^ ]+ )+$", " ".join(one.sources) + " ") for one in RECIPES)


@each
def test_conditions_hold_and_fail(recipe: Recipe) -> None:
    said = [bool(recipe.holds(*one)) for one in GRID]
    true = [bool(right(recipe, *one)) for one in GRID]
    assert any(said)
    if recipe.exactly:
        assert said == true
    else:
        assert all(b for a, b in zip(said, true, strict=True) if a)
        assert said != true
    assert all(true) == (recipe.holds_when == ALWAYS)


@each
def test_the_smallest_is(recipe: Recipe) -> None:
    against = [one for one in GRID if not right(recipe, *one)]
    assert smallest(recipe) == min(against, key=lambda one: (sum(one), one), default=None)


def test_the_pages_are_those_of_the_recipes() -> None:
    """What was proved does not depend on this; ``parity prove`` makes the pages anew."""
    judged = [Judged(recipe, smallest(recipe), 0.0) for recipe in RECIPES]
    assert (DOCS / "recipes.md").read_text("utf-8") == table(judged)
    assert (DOCS / "recipes.json").read_text("utf-8") == as_json(judged)
    rows = {row["id"]: row for row in json.loads(as_json(judged))}
    assert rows["no-max"]["counterexample"] == [2, 1, 2, 1]
    assert rows["no-max"]["there"] == {
        "gives": {"before": -1, "after": 0, "outputs": 1},
        "right": {"before": 0, "after": 0, "outputs": 1},
    }
    assert rows["tensorflow-max"]["verdict"] == "proved"


def test_importable_without_solver_and_tensorflow() -> None:
    code = "import sys; sys.modules.update(z3=None, tensorflow=None); "
    code += "import parity.theorems.recipes_judged"
    subprocess.run([sys.executable, "-c", code], check=True)


def convolved(n: int, k: int, s: int, d: int, padding: Any) -> Any:
    """Return TensorFlow's convolution of n numbers, whose sums, all exact, tell which went in."""
    x, w = 7.0 ** np.arange(n), 2.0 ** -np.arange(k)
    if not isinstance(padding, str):
        before, after = padding
        x = x[max(0, -before) : n + min(0, after)]  # negative pads crop
        padding = [[0, 0], [max(0, before), max(0, after)], [0, 0], [0, 0]]
    image, filters = x.reshape(1, -1, 1, 1), w.reshape(k, 1, 1, 1)  # [1, n, 1, 1], [k, 1, 1, 1]
    return eigen.tensorflow().nn.conv2d(image, filters, [s, 1], padding, dilations=[d, 1]).numpy()


@pytest.mark.parametrize("recipe", REFUTED, ids=lambda one: one.id)
def test_tensorflow_refutes_them_too(recipe: Recipe) -> None:
    setting = smallest(recipe)
    assert setting
    given, result = recipe.function(*setting), convolved(*setting, recipe.padding)
    if recipe.gives == PADS:
        assert not np.array_equal(convolved(*setting, given), result)
    else:
        assert recipe.gives == OUTPUTS
        assert result.shape[1] != given[0]


@each
def test_tensorflow_agrees_where_they_are_right(recipe: Recipe) -> None:
    settings = [one for one in GRID if sum(one) < 11 and right(recipe, *one)]
    held = 0
    for n, k, s, d in settings:
        given = recipe.function(n, k, s, d)
        if recipe.gives == PADS:
            result = convolved(n, k, s, d, recipe.padding)
            np.testing.assert_array_equal(convolved(n, k, s, d, given), result)
        elif recipe.gives == OUTPUTS and given[0] >= 0:  # fewer are refused
            assert convolved(n, k, s, d, recipe.padding).shape[1] == given[0]
        elif recipe.gives == SIZE and d == 1:  # Eigen's gradients do not dilate
            image, filters = np.ones((1, n, 1, 1)), np.ones((k, 1, 1, 1))
            shape, transpose = (1, given[0], 1, 1), eigen.tensorflow().nn.conv2d_transpose
            assert transpose(image, filters, shape, [s, 1], recipe.padding).shape == shape
        else:
            continue
        held += 1
    assert held


def test_z3_judges_them() -> None:
    pytest.importorskip("z3", reason="proofs need z3-solver")
    judged = judge([BY_ID["tensorflow-max"], BY_ID["pytorch-same"], BY_ID["valid-why3"]])
    assert [one.verdict for one in judged] == ["proved", "refuted", "refuted"]
    assert [one.against for one in judged] == [None, (2, 2, 2, 2), (1, 1, 1, 1)]


def wrong(name: str, least: int) -> Recipe:
    """Return a proved recipe with one too many from some size on."""
    rule = BY_ID[name]

    def function(n: int, k: int, s: int, d: int) -> tuple[int, ...]:
        first, *others = rule.function(n, k, s, d)
        return (first + 1 if n >= least else first, *others)

    return replace(rule, function=function)


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        (wrong("ceil-outputs", 40), r"refuted, \(40, 1, 1, 1\)"),
        (wrong("tensorflow-max", 1), r"refuted, \(1, 1, 1, 1\)"),
        (replace(BY_ID["no-max"], holds=lambda n, k, s, d: s <= (k - 1) * d + 1), "refuted"),
        (replace(BY_ID["no-max"], holds_when=ALWAYS), r"proved, \(2, 1, 2, 1\)"),
    ],
    ids=["far away", "at once", "a condition too narrow", "not always"],
)  # fmt: skip
def test_wrong_ones_are_not_proved(planted: Recipe, message: str) -> None:
    pytest.importorskip("z3", reason="proofs need z3-solver")
    with pytest.raises(Unproved, match=message):
        judge([planted])

"""Recipes proved or refuted, for all sizes, kernels, strides and dilations from 1; and their table.

A refutation is the smallest setting against a recipe: all settings of a smaller sum, and of the
same sum those before it, were tried. That a recipe is right where it says so is proved by z3, along
the steps that a reader would take: the rest of n - 1 by the stride says what the windows need.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from parity.theorems.recipes import ALWAYS, PADS, RECIPES, Recipe, ceil, reach, right
from parity.theorems.tensorflow import window
from parity.theorems.theorem import POSITIVE, Check, Theorem, prove

Setting = tuple[int, int, int, int]
TRIED = 12
"""The largest sum of settings that are tried; all refuted recipes fail before."""
PAGE = """\
# Recipes for SAME

Formulas that circulate for the padding and the outputs of a convolution along one axis, held
against TensorFlow's rule for **all** integers from 1: size n, kernel k, stride s, dilation d; K is
the dilated extent (k-1)\\*d + 1. What is *proved* is right everywhere, as z3 says; the others have
the smallest setting against them (the least n+k+s+d; all smaller ones were tried) and a condition:
right *where* it is met, or *only where* (and there), as z3 says. Pads are right if they make
TensorFlow's windows: as many zeros before, as many outputs; a transpose's size, if TensorFlow takes
it. `//` rounds down, `%` is what is left. `parity prove` holds this page against the proofs.

| Recipe | Formula | Verdict | Smallest n, k, s, d against it | It gives | Right is |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Judged:
    """A recipe, the smallest setting against it, and how long the proof took."""

    recipe: Recipe
    against: Setting | None
    seconds: float

    @property
    def verdict(self) -> str:
        """Whether it is right everywhere."""
        return "refuted" if self.against else "proved"

    @property
    def there(self) -> list[dict[str, int]]:
        """What the recipe gives at the setting against it, and what is right."""
        if not self.against:
            return []
        values = self.recipe.function(*self.against)
        given = dict(zip(self.recipe.gives, values, strict=True))
        outputs, before, after = window(*self.against, self.recipe.padding)
        if self.recipe.gives != PADS:
            return [given, {"outputs": outputs}]
        made = {"outputs": window(*self.against, "EXPLICIT", values[0], values[1])[0]}
        return [given | made, {"before": before, "after": after, "outputs": outputs}]


class Unproved(Exception):
    """What a recipe says of itself was not proved, or is not so."""


def smallest(recipe: Recipe) -> Setting | None:
    """Return the first setting against a recipe, by its sum, then in order."""
    each = range(1, TRIED)
    tried = (one for one in product(each, each, each, each) if sum(one) <= TRIED)
    against = (one for one in tried if not right(recipe, *one))
    return min(against, key=lambda one: (sum(one), one), default=None)


def claim(recipe: Recipe) -> Theorem:
    """Make a theorem: a recipe is right where, and only where, it says so."""

    def body(check: Check, n: Any, k: Any, s: Any, d: Any) -> None:
        from parity.theorems.symbolic import implies, same

        if recipe.padding == "VALID":
            _valid(check, n, k, s, d)
        elif recipe.gives == PADS:
            _same(check, recipe, n, k, s, d)
        said, true = recipe.holds(n, k, s, d), right(recipe, n, k, s, d)
        check.holds(same(said, true) if recipe.exactly else implies(said, true), recipe.holds_when)

    statement = f"{recipe.name}: right {recipe.holds_when}."
    return Theorem(recipe.id, statement, (), dict.fromkeys("nksd", POSITIVE), body)


def _same(check: Check, recipe: Recipe, n: Any, k: Any, s: Any, d: Any) -> None:
    """State which pads give SAME's outputs, so that products of unknowns are out of the way."""
    from parity.theorems.symbolic import both, product_grows, same

    check.lemma(product_grows(1, d, k - 1))
    quotient, rest = divmod(n - 1, s)
    check.holds(ceil(n, s) == quotient + 1, "SAME's outputs")
    before, after = recipe.function(n, k, s, d)
    over = rest + before + after - reach(k, d)
    outputs = window(n, k, s, d, "EXPLICIT", before, after)[0]
    check.holds(same(outputs == quotient + 1, both(over >= 0, over < s)), "the last window fits")


def _valid(check: Check, n: Any, k: Any, s: Any, d: Any) -> None:
    """State what VALID's outputs are by the quotient of n - K."""
    from parity.theorems.symbolic import same

    quotient, rest = divmod(n - reach(k, d) - 1, s)
    outputs = window(n, k, s, d, "VALID")[0]
    whole = (n + s > reach(k, d)) | (rest == 0)
    check.holds(same(outputs == quotient + 1, whole), "VALID's outputs")
    check.holds(ceil(n - reach(k, d), s) == quotient + 1, "rounded up, with a pixel more")
    check.holds(same((n - k * d) // s == quotient, d - 1 <= rest), "with d - 1 pixels less")


def judge(recipes: Iterable[Recipe] = RECIPES) -> list[Judged]:
    """Prove what each says of itself; raise ``Unproved``, with integers against it, where not."""
    judged = []
    for recipe in recipes:
        proof, against = prove(claim(recipe)), smallest(recipe)
        if proof.verdict != "proved" or (against is None) != (recipe.holds_when == ALWAYS):
            values = tuple(proof.counterexample.values()) or against
            raise Unproved(f"{recipe.id}: right {recipe.holds_when}? {proof.verdict}, {values}")
        judged.append(Judged(recipe, against, proof.seconds))
    return judged


def as_json(judged: Iterable[Judged]) -> str:
    """Return what docs/recipes.json holds, for the explorer."""
    rows = []
    for one in judged:
        names = ("id", "name", "formula", "padding", "gives", "sources", "holds_when", "exactly")
        row = {name: getattr(one.recipe, name) for name in names}
        there = {"gives": one.there[0], "right": one.there[1]} if one.against else None
        row |= {"verdict": one.verdict, "counterexample": one.against, "there": there}
        rows.append(row)
    return json.dumps(rows, indent=1) + "\n"


def table(judged: Iterable[Judged]) -> str:
    """Return what docs/recipes.md holds."""
    page = PAGE
    for one in judged:
        of = one.recipe
        links = ", ".join(f"[{number}]({where})" for number, where in enumerate(of.sources, 1))
        name, when = (text.replace("*", "\\*") for text in (of.name, of.holds_when))
        only = "right only where" if of.exactly else "right where"
        verdict = f"{only} {when}" if one.against else "**proved**"
        setting = ", ".join(map(str, one.against or ()))
        there = [", ".join(f"{k} {v}" for k, v in values.items()) for values in one.there]
        cells = f"{name} ({links})", f"`{of.formula}`", verdict, setting, *(there or ["", ""])
        page += f"| {' | '.join(cells)} |\n"
    return page

"""What the subject makes of one call follows from what it makes of others, bit for bit.

The laws (`parity.claims.laws`) hold on whole numbers whose sums are exact.  TensorFlow is not
asked, nor the suite's own sums of products: a mistake that both make shows here all the same.
"""

from __future__ import annotations

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims import exact
from parity.claims.check import scope_of
from parity.claims.claim import Claim, Told
from parity.claims.laws import LAWS, Instance
from parity.examples import corners
from parity.examples.strategies import cases
from parity.model.case import Case, Conv2d
from parity.model.subject import DTYPES, Scope
from parity.oracles.compare import assert_exact, explain

# The least share of examples that a law speaks of, about a third of what is drawn, and the
# features without which it is not asked for.
_MINIMA: dict[str, tuple[float, tuple[str, ...]]] = {
    "one tap": (0.25, ()),
    "sum of inputs": (0.2, ()),
    "sum of filters": (0.2, ()),
    "negation": (0.25, ()),
    "pads are zeros": (0.12, ()),
    "same is its pads": (0.1, ("explicit", "SAME")),
    "groups one by one": (0.1, ("groups",)),
    "matrix product": (0.01, ()),
    "images apart": (0.15, ("batches",)),
    "rank by reshape": (0.1, ("rank5",)),
    "stride by slicing": (0.1, ("strides",)),
    "formats by transposing": (0.3, ()),
    "dilation by zeros": (0.1, ("dilations",)),
    "filters apart": (0.15, ()),
    "channels permuted": (0.2, ()),
    "turned": (0.08, ()),
    "rows for columns": (0.3, ()),
}


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw cases of integers."""
    kinds = ("lattice", "bounded") if dtype == "int32" else ("lattice",)
    return cases([dtype], kinds, scope)


def minima(scope: Scope) -> dict[str, float]:
    """Return the least share of each corner class and of each law within `scope`."""
    least = corners.minima(scope)
    for name, (share, features) in _MINIMA.items():
        if all(map(scope.has, features)):
            least[f"law: {name}"] = share
    if len(scope.formats) < 2:
        del least["law: formats by transposing"]
    if not (scope.has("SAME") or scope.has("explicit")):
        del least["law: pads are zeros"]
    return least


def check(case: Case, conv2d: Conv2d) -> Told:
    """Hold the subject to every law that has something to say of `case`."""
    instance = Instance.of(case, conv2d, scope_of(conv2d))
    outputs = telling = 0
    spoken = []
    for name, law in LAWS.items():
        try:
            sides = law(instance)
        except NotImplementedError:
            raise  # a call that the subject does not support
        except Exception as error:
            reason = f"the subject raises {type(error).__name__}: {error}"
            raise AssertionError(f"law {name!r}: {reason}\n{explain(case)}") from error
        if sides is None:
            continue
        one, other = sides
        names = f"one side of the law {name!r}", "the other"
        assert_exact(case=case, got=one, expected=other, names=names)
        spoken.append(f"law: {name}")
        outputs += other.size
        telling += int(np.count_nonzero(other))
    return Told(outputs, telling, classes=tuple(spoken))


CLAIM = Claim(
    name="metamorphic",
    statement="Shifts, sums, pads, groups, strides, transposes: calls agree with one another.",
    dtypes=DTYPES,
    strategy=strategy,
    check=check,
    admits=exact.admits,
    examples=400,
    telling=50,
    minima=minima,
)

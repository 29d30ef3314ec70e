"""What the subject makes of one call follows from what it makes of others, bit for bit.

The laws (`parity.claims.laws`) hold on whole numbers whose sums are exact.  TensorFlow is not
asked, nor the suite's own sums of products: a mistake that both make shows here all the same.
"""

from __future__ import annotations

import numpy as np

from parity.claims import exact
from parity.claims.check import scope_of
from parity.claims.claim import Claim, Told
from parity.claims.laws import LAWS, Instance
from parity.examples import corners
from parity.examples.strategies import of_kinds
from parity.model.case import Case, Conv2d
from parity.model.subject import DTYPES, Scope
from parity.oracles.compare import assert_exact, explain


def minima(scope: Scope) -> dict[str, float]:
    """Return the least share of each corner class and of each law within `scope`."""
    least = corners.minima(scope)
    for name, law in LAWS.items():
        if all(map(scope.has, law.features)):
            least[f"law: {name}"] = law.share
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
            sides = law.sides(instance)
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
    operations=("conv2d",),
    statement="Shifts, sums, pads, groups, strides, transposes: calls agree with one another.",
    dtypes=DTYPES,
    strategy=of_kinds("lattice", int32=("lattice", "bounded")),
    check=check,
    admits=exact.admits,
    examples=400,
    telling=50,
    minima=minima,
)

"""inf, nan, signed zeros, overflow and subnormals come out as IEEE arithmetic says.

Padding is zeros that are multiplied, so inf and nan in the filters reach the outputs beside it.
TensorFlow computes with subnormals flushed to zero, npconv without (divergence ``subnormals``):
each is held against the exact value of what it sees.
"""

from __future__ import annotations

import numpy as np

from parity.claims.bounded import FLOATS, held
from parity.claims.claim import Claim, Told
from parity.examples.strategies import of_kinds
from parity.model.case import Case, Conv2d
from parity.model.operation import OPERATIONS
from parity.oracles.compare import assert_special

COMPARED = tuple(name for name in OPERATIONS if name != "separable_conv2d")
"""A separable convolution's inf and nan are those of the two that it consists of."""


def admits(case: Case) -> bool:
    """Say whether `case` holds floats; any will do."""
    return case.dtype in FLOATS


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare each side with what it must give; count what was not left open."""
    allowed, _ = held(case, conv2d, assert_special)
    strange = allowed.nan | allowed.positive | allowed.negative
    return Told(int(np.count_nonzero(~allowed.open)), int(np.count_nonzero(strange)))


CLAIM = Claim(
    name="special",
    operations=COMPARED,
    statement="inf, nan, -0, overflow and subnormals as IEEE arithmetic says.",
    dtypes=FLOATS,
    strategy=of_kinds("special"),
    check=check,
    admits=admits,
    examples=1400,
    telling=10,
)

"""The gauge for large outputs is the suite's bound, and finds planted errors."""

from __future__ import annotations

import numpy as np
import pytest

from parity import bounds
from parity.case import Case
from parity.speed.agreement import compare, gauge

TOKENS = [
    "float32 NHWC 2x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "float64 NCHW 1x4x7x7 w3x3x4x5 s1,1 d1,1 1,2,0,1 normal:2",
    "float16 NHWC 1x6x6x3 w3x3x3x2 s1,1 d1,1 VALID normal:3",
    "bfloat16 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4",
]


@pytest.mark.parametrize("token", TOKENS)
def test_the_gauge_is_the_bound_of_the_suite(token: str) -> None:
    case = Case.parse(token)
    x, w = case.arrays()
    ours, allowed = gauge(case, x, w), bounds.allow(case, x, w, flush=True)
    # A window that sees only padding is an exact zero there, and within the bound here.
    np.testing.assert_allclose(
        ours.exact.astype(float), allowed.value.astype(float), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(ours.allowed.astype(float), allowed.bound.astype(float), rtol=1e-6)


@pytest.mark.parametrize("token", TOKENS)
def test_a_value_beyond_the_bound_disagrees(token: str) -> None:
    case = Case.parse(token)
    scale = gauge(case, *case.arrays())
    right = scale.exact.astype(scale.dtype)
    assert compare(scale, right, right).verdict == "bit-identical"
    wrong = right.copy()
    wrong.flat[3] += scale.dtype.type(3 * float(scale.allowed.flat[3]) + 0.02)
    assert compare(scale, wrong, right).verdict == "DISAGREES"
    assert compare(scale, right, wrong).verdict == "DISAGREES"


def test_one_ulp_is_within_the_bound_but_not_identical() -> None:
    case = Case.parse(TOKENS[0])
    scale = gauge(case, *case.arrays())
    right = scale.exact.astype(np.float32)
    near = np.nextafter(right, np.float32(9))
    found = compare(scale, near, right)
    assert found.verdict == "within bound"
    assert found.subject is not None
    assert 0 < found.subject <= 1


@pytest.mark.parametrize("spoil", ["nan", "shape", "dtype"])
def test_nan_shape_and_dtype_disagree(spoil: str) -> None:
    case = Case.parse(TOKENS[0])
    scale = gauge(case, *case.arrays())
    right = scale.exact.astype(np.float32)
    wrong = {
        "nan": np.where(right == right.max(), np.float32(np.nan), right),
        "shape": right[:, :-1],
        "dtype": right.astype(np.float64),
    }[spoil]
    found = compare(scale, wrong, right)
    assert found.verdict == "DISAGREES"
    assert found.subject is None


def test_integers_allow_no_error() -> None:
    case = Case.parse("int32 NHWC 1x5x5x2 w3x3x2x2 s1,1 d1,1 SAME normal:0")
    scale = gauge(case, *case.arrays())
    right = bounds.integers(case, *case.arrays())
    assert compare(scale, right, right).verdict == "bit-identical"
    wrong = right.copy()
    wrong[0, 0, 0, 0] += 1
    assert compare(scale, wrong, right).verdict == "DISAGREES"

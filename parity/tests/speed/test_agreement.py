"""The gauge for large outputs is the suite's bound, and finds planted errors."""

from __future__ import annotations

import numpy as np
import pytest

from parity.model.case import Array, Case
from parity.oracles import bounds
from parity.speed.agreement import Agreement, Answer, Gauge, compare, failed, gauge

TOKENS = [
    "float32 NHWC 2x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "float64 NCHW 1x4x7x7 w3x3x4x5 s1,1 d1,1 1,2,0,1 normal:2",
    "float16 NHWC 1x6x6x3 w3x3x3x2 s1,1 d1,1 VALID normal:3",
    "bfloat16 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4",
]


def beside(scale: Gauge, subject: Array, other: Array) -> Agreement:
    return compare(scale, subject, {"TensorFlow": Answer(other)})


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
    assert beside(scale, right, right).verdict == "bit-identical"
    wrong = right.copy()
    wrong.flat[3] += scale.dtype.type(3 * float(scale.allowed.flat[3]) + 0.02)
    assert beside(scale, wrong, right).verdict == "DISAGREES"
    found = beside(scale, right, wrong)  # it is TensorFlow that is wrong
    assert found.verdict == "not compared"
    assert "times the proven bound" in found.yardsticks["TensorFlow"].cannot


def test_one_ulp_is_within_the_bound_but_not_identical() -> None:
    case = Case.parse(TOKENS[0])
    scale = gauge(case, *case.arrays())
    right = scale.exact.astype(np.float32)
    near = np.nextafter(right, np.float32(9))
    found = beside(scale, near, right)
    assert found.verdict == "within bound"
    assert found.error is not None
    assert 0 < found.error <= 1


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
    found = beside(scale, wrong, right)
    assert found.verdict == "DISAGREES"
    assert found.error is None


def test_integers_allow_no_error() -> None:
    case = Case.parse("int32 NHWC 1x5x5x2 w3x3x2x2 s1,1 d1,1 SAME normal:0")
    scale = gauge(case, *case.arrays())
    right = bounds.integers(case, *case.arrays())
    assert beside(scale, right, right).verdict == "bit-identical"
    wrong = right.copy()
    wrong[0, 0, 0, 0] += 1
    assert beside(scale, wrong, right).verdict == "DISAGREES"


def test_what_a_yardstick_cannot_do_is_neither_agreement_nor_disagreement() -> None:
    case = Case.parse(TOKENS[0])
    scale = gauge(case, *case.arrays())
    right = scale.exact.astype(np.float32)
    wrong = right + 9
    cannot, can = Answer(None, "UnimplementedError: NCHW"), Answer(right, "NCHW", in_nhwc=True)
    found = compare(scale, right, {"one": cannot})
    assert found.verdict == found.yardsticks["one"].verdict == "not compared"
    assert found.yardsticks["one"].cannot == "UnimplementedError: NCHW"
    assert compare(scale, right, {}).verdict == "not compared"
    assert compare(scale, wrong, {"one": cannot}).verdict == "DISAGREES"
    found = compare(scale, right, {"one": cannot, "other": can})
    assert found.verdict == found.yardsticks["other"].verdict == "bit-identical"
    assert found.yardsticks["other"].in_nhwc
    assert failed("KeyError: planted").verdict == "DISAGREES"

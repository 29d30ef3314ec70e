"""Results are held against the suite's bound, or exactly, and planted errors are found."""

from __future__ import annotations

import numpy as np
import pytest

from parity.model.case import Array, Case
from parity.speed.agreement import Agreement, Answer, Gauge, compare, failed, gauge

TOKENS = [
    "float32 NHWC 2x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "float64 NCHW 1x4x7x7 w3x3x4x5 s1,1 d1,1 1,2,0,1 normal:2",
    "float16 NHWC 1x6x6x3 w3x3x3x2 s1,1 d1,1 VALID normal:3",
    "bfloat16 NHWC 1x6x6x3 w3x3x1x6 s1,1 d1,1 SAME normal:4",
    "conv2d_backprop_filter float32 NHWC 2x9x8x4 w3x2x2x6 s2,1 d1,2 SAME normal:1",
    "conv2d_transpose float64 NCHW 1x4x7x7 w3x3x4x5 s2,2 d1,1 1,2,0,1 normal:2",
    "conv3d float32 NDHWC 1x4x5x6x3 w2x3x2x3x2 s1,2,1 d1,1,1 VALID normal:3",
]
EXACT = [
    "int32 NHWC 1x5x5x2 w3x3x2x2 s1,1 d1,1 SAME normal:0",
    "float32 NHWC 1x5x5x2 w3x3x2x2 s1,1 d1,1 SAME lattice:0",
    "float64 NHWC 2x5x5x2 w3x3x2x2 s1,1 d1,1 SAME lattice:0",
    "conv2d_backprop_input int32 NHWC 1x5x5x2 w3x3x2x2 s2,2 d1,1 SAME normal:0",
    "depthwise_conv2d float32 NHWC 1x5x5x2 w3x3x2x3 s1,1 d1,1 SAME lattice:0",
]


def scale(token: str) -> tuple[Gauge, Array]:
    case = Case.parse(token)
    found = gauge(case, *case.arrays())
    return found, found.exact.astype(found.dtype)


def beside(scale: Gauge, subject: Array, other: Array) -> Agreement:
    return compare(scale, subject, {"TensorFlow": Answer(other)})


@pytest.mark.parametrize("token", TOKENS)
def test_an_error_above_the_bound_disagrees_and_one_below_does_not(token: str) -> None:
    found, right = scale(token)
    assert beside(found, right, right).verdict == "bit-identical"
    at = int(np.argmax(found.allowed))
    ulp = float(np.spacing(np.abs(found.exact.flat[at]).astype(found.dtype)))
    below, above = right.copy(), right.copy()
    below.flat[at] = found.exact.flat[at] + max(0.0, float(found.allowed.flat[at]) - ulp)
    above.flat[at] = found.exact.flat[at] + float(found.allowed.flat[at]) + 2 * ulp
    assert beside(found, below, right).verdict in ("bit-identical", "within bound")
    assert beside(found, above, right).verdict == "DISAGREES"
    other = beside(found, right, above)  # it is TensorFlow that is wrong
    assert other.verdict == "not compared"
    assert "times the proven bound" in other.yardsticks["TensorFlow"].cannot


def test_one_ulp_is_within_the_bound_but_not_identical() -> None:
    found, right = scale(TOKENS[0])
    agreement = beside(found, np.nextafter(right, np.float32(9)), right)
    assert agreement.verdict == "within bound"
    assert agreement.error is not None
    assert 0 < agreement.error <= 1


@pytest.mark.parametrize("token", EXACT)
def test_integers_allow_no_error(token: str) -> None:
    found, right = scale(token)
    assert beside(found, right, right).verdict == "bit-identical"
    wrong = right.copy()
    wrong.flat[0] += 1
    assert beside(found, wrong, right).verdict == "DISAGREES"


@pytest.mark.parametrize("spoil", ["nan", "shape", "dtype"])
def test_nan_shape_and_dtype_disagree(spoil: str) -> None:
    found, right = scale(TOKENS[0])
    wrong = {
        "nan": np.where(right == right.max(), np.float32(np.nan), right),
        "shape": right[:, :-1],
        "dtype": right.astype(np.float64),
    }[spoil]
    agreement = beside(found, wrong, right)
    assert agreement.verdict == "DISAGREES"
    assert agreement.error is None


def test_what_a_yardstick_cannot_do_is_neither_agreement_nor_disagreement() -> None:
    found, right = scale(TOKENS[0])
    cannot, can = Answer(None, "UnimplementedError: NCHW"), Answer(right, "NCHW", in_nhwc=True)
    one = compare(found, right, {"one": cannot})
    assert one.verdict == one.yardsticks["one"].verdict == "not compared"
    assert one.yardsticks["one"].cannot == "UnimplementedError: NCHW"
    assert compare(found, right, {}).verdict == "not compared"
    assert compare(found, right + 9, {"one": cannot}).verdict == "DISAGREES"
    both = compare(found, right, {"one": cannot, "other": can})
    assert both.verdict == both.yardsticks["other"].verdict == "bit-identical"
    assert both.yardsticks["other"].in_nhwc
    assert failed("KeyError: planted").verdict == "DISAGREES"


def test_tensorflow_may_sum_halves_in_halves_where_it_does_and_nobody_else() -> None:
    of_family = "depthwise_conv2d float16 NHWC 1x9x9x2 w7x7x2x1 s1,1 d1,1 SAME normal:0"
    found, right = scale(of_family)
    assert found.theirs is not None
    assert (found.theirs > found.allowed).all()
    at = int(np.argmax(found.theirs))
    off = right.copy()
    off.flat[at] = found.exact.flat[at] + 0.9 * float(found.theirs.flat[at])
    assert beside(found, right, off).verdict == "within bound"
    assert beside(found, off, right).verdict == "DISAGREES"
    off.flat[at] = found.exact.flat[at] + 1.1 * float(found.theirs.flat[at])
    assert beside(found, right, off).verdict == "not compared"
    assert scale(TOKENS[2])[0].theirs is None

"""Wrong implementations of conv2d: the claims must find every one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npconv
from parity import test_accept_reject, test_bounded, test_exact, test_halves, test_special
from parity.case import Array, Case
from parity.strategies import cases
from parity.tally import prove
from parity.tensorflow_oracle import conv2d

Check = Callable[[Case, Any], tuple[int, int]]


def flipped(x: Array, w: Array, **call: Any) -> Array:
    """Turn the kernel round: a true convolution."""
    return conv2d(x, w[::-1, ::-1], **call)


def same_before(x: Array, w: Array, *, padding: Any, **call: Any) -> Array:
    """Put the odd zero of SAME at the top and left."""
    if padding != "SAME":
        return conv2d(x, w, padding=padding, **call)
    axes = (-2, -1) if call["data_format"] == "NCHW" else (-3, -2)
    turned = conv2d(np.flip(x, axes), w[::-1, ::-1], padding=padding, **call)
    return np.flip(turned, axes)


def undilated(x: Array, w: Array, *, dilations: Any, **call: Any) -> Array:
    """Forget the dilation along the columns under SAME."""
    across = 1 if call["padding"] == "SAME" else dilations[1]
    return conv2d(x, w, dilations=[dilations[0], across], **call)


def interleaved(x: Array, w: Array, **call: Any) -> Array:
    """Give each group every other filter."""
    channels = x.shape[-3 if call["data_format"] == "NCHW" else -1]
    groups = channels // w.shape[2]
    if groups < 2:
        return conv2d(x, w, **call)
    turned = w.reshape(*w.shape[:3], -1, groups).swapaxes(-1, -2).reshape(w.shape)
    return conv2d(x, turned, **call)


def one_ulp(x: Array, w: Array, **call: Any) -> Array:
    """Make the last output one representable number too large."""
    result = conv2d(x, w, **call).copy()
    if result.size:
        result.view(f"u{result.dtype.itemsize}").reshape(-1)[-1] += 1
    return result


def skips_padding(x: Array, w: Array, **call: Any) -> Array:
    """Ignore infinite and NaN taps over padding, as oneDNN does."""
    strange = (~np.isfinite(w)).astype(w.dtype)
    total = strange.sum((0, 1, 2))
    total = total[:, None, None] if call["data_format"] == "NCHW" else total
    calm = conv2d(x, np.where(np.isfinite(w), w, 0).astype(w.dtype), **call)
    over_padding = conv2d(np.ones_like(x), strange, **call) < total
    return np.where(over_padding, calm, conv2d(x, w, **call))


def minus_zero(x: Array, w: Array, **call: Any) -> Array:
    """Give zeros a minus sign."""
    result = conv2d(x, w, **call)
    return np.where(result == 0, np.array(-0.0, result.dtype), result)


def saturating(x: Array, w: Array, **call: Any) -> Array:
    """Stop at the ends of int32."""
    exact = conv2d(x.astype(np.float64), w.astype(np.float64), **call)
    return np.clip(exact, -(2**31), 2**31 - 1).astype(np.int32)


def twice_rounded(x: Array, w: Array, **call: Any) -> Array:
    """Round a half by way of the other half."""
    between = ml_dtypes.bfloat16 if x.dtype == np.float16 else np.float16
    with np.errstate(all="ignore"):
        exact = conv2d(x.astype(np.float32), w.astype(np.float32), **call)
        return exact.astype(between).astype(x.dtype)


def low_precision(x: Array, w: Array, **call: Any) -> Array:
    """Compute float64 by way of float32."""
    with np.errstate(all="ignore"):
        return conv2d(x.astype(np.float32), w.astype(np.float32), **call).astype(x.dtype)


def loses_a_term(x: Array, w: Array, **call: Any) -> Array:
    """Ignore the last tap of the last channel."""
    less = w.copy()
    less[-1:, -1:, -1:] = 0
    return conv2d(x, less, **call)


def drops_rows(x: Array, w: Array, **call: Any) -> Array:
    """Lose the shape of an empty result."""
    result = conv2d(x, w, **call)
    return result if result.size else result.reshape(0)


def flushing(x: Array, w: Array, **call: Any) -> Array:
    """Flush subnormals, as TensorFlow does: npconv promises not to."""
    return conv2d(x, w, **call)


MUTANTS: list[tuple[Callable[..., Array], Check, str, str]] = [
    (flipped, test_exact.check, "float32", "lattice"),
    (flipped, test_bounded.check, "bfloat16", "bounded"),
    (same_before, test_exact.check, "int32", "lattice"),
    (undilated, test_exact.check, "float64", "lattice"),
    (interleaved, test_exact.check, "float32", "lattice"),
    (one_ulp, test_exact.check, "float16", "lattice"),
    (one_ulp, test_exact.check, "int32", "bounded"),
    (minus_zero, test_exact.check, "float32", "lattice"),
    (minus_zero, test_special.check, "float64", "special"),
    (skips_padding, test_special.check, "float32", "special"),
    (saturating, test_exact.check, "int32", "bounded"),
    (twice_rounded, test_halves.check, "float16", "bounded"),
    (twice_rounded, test_exact.check, "bfloat16", "lattice"),
    (one_ulp, test_halves.check, "bfloat16", "bounded"),
    (low_precision, test_bounded.check, "float64", "bounded"),
    (loses_a_term, test_bounded.check, "float32", "bounded"),
    (loses_a_term, test_special.check, "float16", "special"),
    (drops_rows, test_exact.check, "float64", "lattice"),
    (flushing, test_special.check, "float32", "special"),
    (flushing, test_bounded.check, "float64", "bounded"),
]


@pytest.mark.parametrize(
    ("mutant", "check", "dtype", "kind"),
    MUTANTS,
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_wrong_subject_is_found(
    mutant: Callable[..., Array], check: Check, dtype: str, kind: str
) -> None:
    def run(case: Case) -> tuple[int, int]:
        return check(case, lambda x, w, strides, **call: mutant(x, w, strides=strides, **call))

    with pytest.raises(AssertionError, match="token: "):
        prove("planted", dtype, cases(dtypes=[dtype], kinds=[kind]), run, examples=400, telling=0)


def without_the_result(**arguments: Any) -> Any:
    npconv.conv2d(**arguments)


def in_another_dtype(**arguments: Any) -> Any:
    return npconv.conv2d(**arguments).astype(np.complex128)


def blind_to_a_single_dilation(**arguments: Any) -> Any:
    checked = npconv.conv2d(**arguments)
    if isinstance(arguments["dilations"], int):
        return npconv.conv2d(**{**arguments, "dilations": 1}) if checked.size else checked
    return checked


def accepting_what_is_wrong(**arguments: Any) -> Any:
    try:
        return npconv.conv2d(**arguments)
    except ValueError:
        return np.zeros((1, 1, 1, 1), np.float32)


@pytest.mark.parametrize(
    "wrong",
    [
        without_the_result,
        in_another_dtype,
        blind_to_a_single_dilation,
        accepting_what_is_wrong,
    ],
)
def test_a_wrong_subject_is_found_by_accept_reject(wrong: Any) -> None:
    with pytest.raises(AssertionError):
        test_accept_reject.prove_calls(wrong, claim="planted")

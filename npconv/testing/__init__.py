"""Assertions for anyone's convolution: within the proven bound, or what is wrong with it."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconv._attributes import Array, Format, Pads, Precision, Steps, show
from npconv._bounds import Known
from npconv._called import Called, read
from npconv._conv2d import conv2d
from npconv.testing._judged import agree, judged, read_actual, result_dtype
from npconv.testing._looks import looks_like

__all__ = ["assert_close", "assert_conv2d_close"]


def assert_conv2d_close(
    actual: Any, input: ArrayLike, filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = None,
    *, precision: Precision = "standard", dtype: DTypeLike | None = None,
    accumulate: str | None = None, multiply: str | None = None,
) -> None:  # fmt: skip
    """Raise AssertionError unless somebody's ``conv2d`` is within ``error_bound`` everywhere.

    Parameters
    ----------
    actual : array_like or tensor
        What was computed; anything that ``np.asarray`` takes, or a tensor of PyTorch.
    input, filters, strides, padding, data_format, dilations
        What it was computed of, as ``conv2d`` has it.
    precision, dtype, accumulate, multiply
        How it was computed, as ``error_bound`` has it.

    Raises
    ------
    AssertionError
        With how many outputs are beyond the bound, the worst of them, where infinities and NaNs
        differ, or shape or dtype, and what it looks like: one of the usual mistakes, where just
        one of those that are known explains every output.
    TypeError, ValueError
        As ``error_bound``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> image, kernel = rng.random((1, 5, 5, 2)), rng.random((3, 3, 2, 4))
    >>> flipped = npconv.conv2d(image, kernel[::-1, ::-1], strides=1, padding="SAME")
    >>> npconv.testing.assert_conv2d_close(flipped, image, kernel, 1, "SAME")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    AssertionError: conv2d(input=float64 (1, 5, 5, 2), filters=float64 (3, 3, 2, 4), strides=1, \
padding='SAME')
    100 of 100 outputs (100 %) lie beyond the bound
    ...
    it equals conv2d with the kernel flipped
    """
    assert_close(
        actual, conv2d, input, filters, strides, padding, data_format, dilations,
        precision=precision, dtype=dtype, accumulate=accumulate, multiply=multiply,
    )  # fmt: skip


def assert_close(
    actual: Any, *arguments: Any, precision: Precision = "standard",
    dtype: DTypeLike | None = None, accumulate: str | None = None, multiply: str | None = None,
    **named: Any,
) -> None:  # fmt: skip
    """Raise AssertionError unless a result is within ``error_bound`` everywhere.

    Parameters
    ----------
    actual : array_like or tensor
        What was computed.
    *arguments, **named
        Those of ``conv2d``; or a function of its family, then its arguments.
    precision, dtype, accumulate, multiply
        How it was computed, as ``error_bound`` has it.

    Raises
    ------
    AssertionError, TypeError, ValueError
        As ``assert_conv2d_close``.

    Examples
    --------
    >>> series, taps = np.ones((1, 9, 4), np.float32), np.ones((3, 4, 8), np.float32)
    >>> actual = np.full((1, 7, 8), 12, np.float32)
    >>> npconv.testing.assert_close(actual, npconv.conv1d, series, taps, 1, "VALID")
    """
    call = read(arguments, named)
    formats = {
        "precision": precision,
        "dtype": dtype,
        "accumulate": accumulate,
        "multiply": multiply,
    }
    (found, name), right, wrong = read_actual(actual), judged(call, formats), []
    expected = result_dtype(call, formats)
    if name != expected:
        wrong.append(f"the dtype is {name}, expected {expected}")
    same = found.shape == right.value.shape
    if not same:
        wrong.append(f"the shape is {found.shape}, expected {right.value.shape}")
    beyond = ~agree(found, right) if same else np.ones(found.shape, bool)
    if beyond.any():
        wrong += _worst(found, right, beyond) if same else []
        looks = looks_like(found, right, call, formats)
        wrong += [f"it equals {call.operation.name} {looks}"] if looks else []
    if wrong:
        raise AssertionError("\n".join([_written(call), *wrong]))


def _worst(found: Array, right: Known, beyond: Array) -> list[str]:
    """Say how many outputs are beyond the bound, and which is the worst."""
    count, lines = int(beyond.sum()), []
    strange = beyond & ~(np.isfinite(found) & np.isfinite(right.value))
    lines.append(
        f"{count} of {beyond.size} outputs ({100 * count / beyond.size:.3g} %) lie beyond the bound"
    )
    with np.errstate(all="ignore"):
        error = np.abs(found - right.value)
        ratio = np.where(beyond & ~strange, error / right.spread, -1)
    if (beyond & ~strange).any():
        at = tuple(map(int, np.unravel_index(ratio.argmax(), ratio.shape)))
        lines.append(
            f"the worst, at {at}: {found[at]:.9g}, exactly {right.value[at]:.9g}, error "
            f"{error[at]:.3g}, bound {right.spread[at]:.3g}, ratio {ratio[at]:.3g}"
        )
    if strange.any():
        at = tuple(map(int, np.argwhere(strange)[0]))
        lines.append(
            f"inf or nan differ in {int(strange.sum())}, the first at {at}: "
            f"{found[at]:.9g}, exactly {right.value[at]:.9g}"
        )
    return lines


def _written(call: Called) -> str:
    """Write a call down, with shapes and dtypes in place of its arrays."""
    parts = []
    for name, parameter in signature(call.function).parameters.items():
        value = call.given[name]
        if name in call.names:
            parts.append(f"{name}={value.dtype.name} {value.shape}")
        elif name not in ("name", "out", "precision") and value is not parameter.default:
            parts.append(f"{name}={show(value)}")
    return f"{call.operation.name}({', '.join(parts)})"

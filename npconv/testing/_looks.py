"""What a wrong result looks like: which one mistake explains every output.

A mistake is another call, or something done to its result. One that a call has no room for is
passed over. Something is said only if just one explains every output within its own bound, those
that predict the same counted as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npconv._attributes import Array
from npconv._bounds import Known
from npconv._called import Called
from npconv._formats import FORMATS, rounded
from npconv.testing._judged import agree, judged, result_dtype
from npconv.testing._suspect import Suspect, laid

Mistake = Callable[[Suspect], Known]


@np.errstate(all="ignore")
def looks_like(found: Array, right: Known, call: Called, formats: Mapping[str, Any]) -> str:
    """Say in words what explains a result that is wrong; nothing if nothing known does."""
    if found.ndim != right.value.ndim or not np.isfinite(found).any():
        return ""
    suspect = laid(found, right, call, formats)
    explaining: dict[str, Known] = {}
    for text, mistake in (_MISTAKES | _ROUNDINGS).items():
        if text in _ROUNDINGS and explaining:
            break  # these explain much that has another cause
        try:
            known = mistake(suspect)
        except (IndexError, KeyError, TypeError, ValueError):
            continue  # the call has no room for it
        if (
            known.value.shape == suspect.found.shape
            and agree(suspect.found, known).all()
            and (text in _ROUNDINGS or _tells(known, suspect))
            and not any(_same(known, other) for other in explaining.values())
        ):
            explaining[text] = known
    return next(iter(explaining)).format(suspect.factor) if len(explaining) == 1 else ""


def _same(known: Known, other: Known) -> bool:
    """Say whether two predict the same, but for the rounding of float64."""
    return bool(agree(other.value, Known(known.value, known.spread * 2.0**-20)).all())


def _tells(known: Known, suspect: Suspect) -> bool:
    """Say whether a mistake explains what is wrong, by more than it may be off itself."""
    right = suspect.right
    if right.value.shape != suspect.found.shape:
        return True
    apart = ~(np.abs(known.value - right.value) <= known.spread + right.spread)
    wrong = ~agree(suspect.found, right)
    return bool((apart & wrong).any() and np.isfinite(known.spread[wrong & apart]).all())


def _lost(axis: int) -> Mistake:
    """Return the mistake of leaving out what is last along an axis of the input."""

    def without(array: Array) -> Array:
        if array.ndim + axis < 1 or array.shape[axis] < 2:
            raise IndexError
        array = np.moveaxis(array.copy(), axis, 0)
        array[-1] = 0
        return np.moveaxis(array, 0, axis)

    return lambda suspect: suspect.changed("input", without)


def _taken_for(role: str) -> Mistake:
    """Return the mistake of reading memory in the other data format, without transposing it."""

    def first(array: Array) -> Array:
        n, *sizes, channels = array.shape
        return np.moveaxis(array.reshape(n, channels, *sizes), 1, -1)

    def last(array: Array) -> Array:
        return np.moveaxis(array, -1, 1).reshape(array.shape)

    return lambda suspect: suspect.changed(
        role, *((first, last) if suspect.last else (last, first))
    )


def _outwards(suspect: Suspect) -> Known:
    """Take the filters' memory for (OC, C, *kernel)."""

    def change(w: Array) -> Array:
        return np.moveaxis(w.reshape(w.shape[-1], w.shape[-2], *w.shape[:-2]), (0, 1), (-1, -2))

    def back(w: Array) -> Array:
        return np.moveaxis(w, (-1, -2), (0, 1)).reshape(w.shape)

    return suspect.changed("filters", change, back)


def _interleaved(suspect: Suspect) -> Known:
    """Have filter o read group o % groups."""
    filters, groups = suspect.arrays["filters"], suspect.geometry.groups
    order = np.argsort(np.arange(filters.shape[-1]) % groups, kind="stable")
    known = suspect.changed("filters", lambda w: w[..., order])
    return Known(*(one[..., np.argsort(order)] for one in known))


def _reordered(axis: int) -> Mistake:
    """Return the mistake of results that are right but for their order along an axis."""

    def key(array: Array) -> Array:
        rows = np.nan_to_num(np.moveaxis(array, axis, 0)).reshape(array.shape[axis], -1)
        found: Array = rows @ np.cos(np.arange(rows.shape[1]))
        return found.argsort()

    def mistake(suspect: Suspect) -> Known:
        order = np.empty(suspect.found.shape[axis], int)
        order[key(suspect.found)] = key(suspect.right.value)
        return Known(*(np.take(array, order, axis) for array in suspect.right))

    return mistake


def _biased(suspect: Suspect) -> Known:
    """Add to each channel its median difference, which is off by as much as outputs are."""
    value, spread = suspect.right
    if value.size < 4 * value.shape[-1]:
        raise ValueError
    axes = tuple(range(value.ndim - 1))
    value = value + np.median(suspect.found - value, axes)
    unit = FORMATS[result_dtype(suspect.call, suspect.formats)].unit
    return Known(value, spread + spread.max(axes) + unit * np.abs(value))


def _scaled(suspect: Suspect) -> Known:
    """Multiply by the factor of the largest output, which is off by as much as that is."""
    value, spread = suspect.right
    if np.count_nonzero(value) < 4:
        raise ValueError
    unit = FORMATS[result_dtype(suspect.call, suspect.formats)].unit
    off = (spread.flat[suspect.largest] / np.abs(value.flat[suspect.largest]) + 2 * unit) * np.abs(
        value
    )
    return Known(value * suspect.factor, (spread + off) * max(1, abs(suspect.factor)))


def _truncated(suspect: Suspect) -> Known:
    """Cut off the last digits of float32 sums, which are known but for their bound."""
    halves = FORMATS[result_dtype(suspect.call, suspect.formats)]
    if halves.unit <= FORMATS["float32"].unit:
        raise ValueError
    sums = judged(suspect.call, {**suspect.formats, "dtype": "float32"})
    low, high = (
        rounded(sums.value + side, halves, np.trunc) for side in (-sums.spread, sums.spread)
    )
    return Known((low + high) / 2, (high - low) / 2)


def _flushed(suspect: Suspect) -> Known:
    """Have zeros for inputs and results below float16's normal range."""
    tiny = FORMATS["float16"].tiny
    if suspect.call.dtype != np.float16:
        raise ValueError

    def flushed(x: Array) -> Array:
        return np.where(np.abs(x) < tiny, np.zeros_like(x), x)

    value, spread = suspect.changed("input filters output", flushed, np.copy)
    edge = np.abs(np.abs(value) - tiny) <= spread
    return Known(flushed(value), np.where(edge, np.abs(value) + spread, spread))


def _saturated(suspect: Suspect) -> Known:
    """Keep sums within int32's range."""
    if result_dtype(suspect.call, suspect.formats) != "int32":
        raise ValueError
    known = judged(suspect.call.cast(np.float64), {**suspect.formats, "dtype": None})
    return Known(np.clip(known.value, -(2**31), 2**31 - 1), known.spread)


def _read_as(name: str) -> Mistake:
    """Return the mistake of inputs that are rounded to a format before they are multiplied."""

    def change(x: Array) -> Array:
        return rounded(x.astype(np.float64), FORMATS[name]).astype(x.dtype)

    return lambda suspect: suspect.changed("input filters output", change, np.copy)


def _summed_in(name: str) -> Mistake:
    """Return the mistake of halves that are summed in halves; some sums of them do it."""

    def mistake(suspect: Suspect) -> Known:
        if suspect.call.dtype.name != name:
            raise ValueError
        return judged(suspect.call, {**suspect.formats, "accumulate": name})

    return mistake


_MISTAKES: dict[str, Mistake] = {
    "with the kernel flipped": lambda suspect: suspect.changed(
        "filters", lambda w: np.flip(w, tuple(range(len(suspect.axes))))
    ),
    "with rows and columns of the kernel swapped": lambda suspect: suspect.changed(
        "filters", lambda w: w.swapaxes(-3, -4)
    ),
    "with in and out channels of the filters swapped": lambda suspect: suspect.changed(
        "filters", lambda w: w.swapaxes(-1, -2)
    ),
    "with the filters' memory taken for (out_channels, in_channels, *kernel)": _outwards,
    "with strides of rows and columns swapped": lambda suspect: suspect.given(
        strides=[axis.stride for axis in suspect.axes][::-1]
    ),
    "with dilations of rows and columns swapped": lambda suspect: suspect.given(
        dilations=[axis.dilation for axis in suspect.axes][::-1]
    ),
    "without strides": lambda suspect: suspect.given(strides=1),
    "without dilations": lambda suspect: suspect.given(dilations=1),
    "without padding": lambda suspect: suspect.given(padding="VALID"),
    "with pads before and after swapped": lambda suspect: suspect.padded(
        [(axis.after, axis.before) for axis in suspect.axes]
    ),
    "with the pads that SAME has at stride 1": lambda suspect: suspect.padded(
        [(pads // 2, -(-pads // 2)) for pads in ((a.kernel - 1) * a.dilation for a in suspect.axes)]
    ),
    "with windows that begin a pixel earlier": lambda suspect: suspect.padded(
        [(axis.before + 1, max(0, axis.after - 1)) for axis in suspect.axes]
    ),
    "with windows that begin a pixel later": lambda suspect: suspect.padded(
        [(axis.before - 1, axis.after + 1) for axis in suspect.axes]
    ),
    "with filter o in group o % groups": _interleaved,
    "with the input's memory taken for the other data_format": _taken_for("input"),
    "with the output's memory taken for the other data_format": _taken_for("output"),
    "with the memory of both taken for the other data_format": _taken_for("input output"),
    "with the last row of pixels left out": _lost(-3),
    "with the last column of pixels left out": _lost(-2),
    "with the last channel left out": _lost(-1),
    "with the images of the batch in another order": _reordered(0),
    "with its last channels in another order": _reordered(-1),
    "with something added to each channel": _biased,
    "multiplied by {:.7g}": _scaled,
    "with negative results set to 0": lambda suspect: Known(
        np.maximum(suspect.right.value, 0), suspect.right.spread
    ),
    "with inputs rounded to tfloat32": _read_as("tfloat32"),
    "with inputs rounded to bfloat16": _read_as("bfloat16"),
    "with inputs rounded to float16": _read_as("float16"),
    "with digits of the results cut off, not rounded": _truncated,
    "with subnormal float16 flushed to 0": _flushed,
    "saturating in place of wrapping": _saturated,
}
_ROUNDINGS: dict[str, Mistake] = {
    "with sums in float16: accumulate='float16' allows it": _summed_in("float16"),
    "with sums in bfloat16: accumulate='bfloat16' allows it": _summed_in("bfloat16"),
    "as precision='standard' may compute it": lambda suspect: judged(
        suspect.call, {**suspect.formats, "precision": "standard"}
    ),
    "as precision='fast' may compute it": lambda suspect: judged(
        suspect.call, {**suspect.formats, "precision": "fast"}
    ),
}

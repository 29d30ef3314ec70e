"""For which calls, right or wrong, the rows of divergences.toml hold.

A predicate asks what `Facts` have: the arguments as they are written and, where it is ``sized``,
the `Sizes` of a call of conv2d that has the form of one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import gcd

import numpy as np

from parity.ledger import family
from parity.ledger.facts import Facts, Sizes, finite, kind, least, truncated
from parity.model.case import DTYPES
from parity.model.written import Arguments
from parity.oracles import bounds

HANDLED = ("float32", "bfloat16", "float16")
"""The dtypes that TensorFlow hands to oneDNN."""
_UNORDERED = (set, frozenset, dict, bytes, bytearray)
_TINY = {name: float(bounds.limits(DTYPES[name]).smallest_normal) for name in bounds.FLUSHED}


Predicate = Callable[[Facts], object]


def _sized(predicate: Callable[[Facts, Sizes], object]) -> Predicate:
    """Return a predicate of those calls that have the form of one."""
    return lambda call: call.sizes is not None and predicate(call, call.sizes)


def _integers_by_index(c: Facts) -> bool:
    steps = c.strides, c.dilations
    pads = truncated(c.padding) and isinstance(c.padding, (list, tuple))
    return pads or any(truncated(one) or isinstance(one, _UNORDERED) for one in steps)


def _subnormals(c: Facts) -> bool:
    if c.dtype not in _TINY:
        return False
    x, w = least(c.input), least(c.filters)
    return min(x, w, x * w) < _TINY[c.dtype]


def _width_by_float(c: Facts, s: Sizes) -> bool:
    reach = (s.KW - 1) * s.DW + 1
    windows = (np.float32(s.W + s.pads[2] + s.pads[3] - reach) + np.float32(1)) / np.float32(s.SW)
    return int(np.ceil(windows)) != s.OW


def _explicit_padding(c: Facts) -> bool:
    return c.dtype in HANDLED and (
        (isinstance(c.padding, bytes) and c.padding == b"EXPLICIT")
        or any(c.outer_pads)
        or min(c.pads, default=0) < 0
    )


def _huge_geometry(c: Facts) -> bool:
    sizes = [*c.pads, 0]
    if (s := c.sizes) is not None:
        sizes += [s.KH * s.DH, s.KW * s.DW, s.H + sum(s.pads[:2]), s.W + sum(s.pads[2:])]
    return c.dtype in HANDLED and max(sizes) >= 2**30


def _unwritten_outputs(c: Facts, s: Sizes) -> bool:
    plane = s.OW == 1 and s.OH > 1 and s.SH == 1 and s.SW > 1 and s.DW == 1 and s.KW > 1
    near = s.left < s.KW and s.top < s.KH and s.bottom < s.KH
    whole = s.left == s.right == 0 and gcd(s.KW, s.W, s.SW) > 1
    float32 = c.dtype == "float32" and s.C == 1 and s.N > 1 and not whole
    return s.IC == 1 and plane and near and (c.dtype == "bfloat16" or float32)


def _window_in_padding(c: Facts, s: Sizes) -> bool:
    first = -(-(s.W + s.left) // s.SW)  # the window that begins behind the image
    return c.dtype == "bfloat16" and 0 < first < s.OW and first * s.SW < s.W + s.left + s.DW


def _nothing_read(c: Facts, s: Sizes) -> bool:
    taps = (
        k * s.SW - s.left + j * s.DW for k in range(min(s.OW, 99)) for j in range(min(s.KW, 99))
    )
    return c.dtype in ("float32", "bfloat16") and s.W > 0 and not any(0 <= x < s.W for x in taps)


def _unread_columns(c: Facts, s: Sizes) -> bool:
    beyond = (s.OW - 1) * s.SW + (s.KW - 1) * s.DW + 1 - s.W
    across = s.KW > 1 and s.OW > 1 and s.SW > 2 and s.left > 0
    return c.dtype == "bfloat16" and across and 0 <= beyond <= 1


_OF_CONV2D: dict[str, Predicate] = {
    "filters-dtype": lambda c: (
        c.dtype in DTYPES and hasattr(c.filters, "dtype") and kind(c.filters) > kind(c.input)
    ),
    "integers-by-index": _integers_by_index,
    "input-list": lambda c: isinstance(c.input, (list, tuple)) and kind(c.input) == 2,
    "nchw": lambda c: isinstance(c.data_format, str) and c.data_format == "NCHW",
    "subnormals": _subnormals,
    "width-by-float": _sized(_width_by_float),
    "out-of-memory": _sized(lambda c, s: s.N * s.OH * s.OW * s.OC >= 2**48),
    "empty-output-onednn": _sized(
        lambda c, s: c.dtype in HANDLED and 0 in (s.N, s.H, s.W, s.C, s.KH, s.KW, s.OH, s.OW, s.OC)
    ),
    "explicit-padding-onednn": _explicit_padding,
    "rank-below-4-onednn": lambda c: c.dtype in HANDLED and np.ndim(c.input) < 4,
    "huge-stride-onednn": lambda c: (
        c.dtype in HANDLED and any(abs(step) > 2**31 - 1 for step in c.steps)
    ),
    "huge-geometry-onednn": _huge_geometry,
    "negative-padding-onednn": lambda c: c.dtype in HANDLED and min(c.pads, default=0) < 0,
    "unwritten-outputs-onednn": _sized(_unwritten_outputs),
    "window-in-padding-onednn": _sized(_window_in_padding),
    "nothing-read-onednn": _sized(_nothing_read),
    "unread-columns-onednn": _sized(_unread_columns),
    "odd-channels-onednn": _sized(
        lambda c, s: c.dtype == "bfloat16" and s.IC % 2 == 1 and not finite(c.input)
    ),
    "odd-channels-nchw-onednn": _sized(
        lambda c, s: (
            (c.dtype, c.data_format, s.IC % 2) == ("bfloat16", "NCHW", 1) and not finite(c.filters)
        )
    ),
    "bfloat16-onednn": _sized(lambda c, s: c.dtype == "bfloat16"),
    "padding-skipped-onednn": _sized(
        lambda c, s: (
            c.dtype in HANDLED
            and max(s.top, s.bottom, s.left, s.right) > 0
            and not finite(c.filters)
        )
    ),
}


_OF_FAMILY = family.REFUSED, family.TAKEN, family.UNASKED


def _holds(id: str, call: Facts) -> object:
    rows = (_OF_CONV2D,) if call.of.name == "conv2d" else _OF_FAMILY
    return any(id in one and one[id](call) for one in rows)


PREDICATES: dict[str, Predicate] = {
    id: partial(_holds, id) for rows in (_OF_CONV2D, *_OF_FAMILY) for id in rows
}
"""By the id of the row."""
INSTEAD: dict[str, Callable[[Facts], Arguments]] = {
    "input-list": lambda c: {"input": np.asarray(c.input)},
}
"""With what TensorFlow is asked what npconv has to make of a call, where that differs."""

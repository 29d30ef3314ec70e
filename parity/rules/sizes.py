"""Rows about sizes: channels, outputs, empty arrays, huge pads, kernels, groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from parity.rules.row import DTYPES, INT32_MAX, Each, Row, refused, rows

_NONE = [0, 0]
_SMALL: dict[str, Any] = {"input": (1, 2, 2, 1), "filters": (2, 2, 1, 1)}
_VALID: dict[str, Any] = {"padding": "VALID"}
_WRONG = refused("filters")
_LENGTHS = (
    *((3, 3, 1, 1), (3, 4, 1, 0), (3, 5, 1, None), (1, 5, 3, 0), (1, 6, 3, 0), (1, 7, 3, None)),
    *((1, 10, 5, 0), (1, 11, 5, None), (4, 19, 8, 0), (4, 20, 8, None), (5, 2, 3, 2)),
    *((0, 1, 1, 0), (0, 2, 1, None), (0, 2, 2, 0), (5, 1, 9, 1)),
)
"""Under VALID: input, kernel, stride and output, None where that would be negative."""


def _pads(rows: list[int], columns: list[int] = _NONE) -> list[list[int]]:
    return [_NONE, rows, columns, _NONE]


def channels() -> Iterator[Row]:
    """Rule 17."""
    for ci in (6, 3, 2, 1):
        yield from rows(17, (1, 5, 7, 12), input=(1, 5, 7, 6), filters=(3, 3, ci, 12))
    for c, ci in ((3, 2), (2, 4), (3, 0), (0, 0)):
        yield from rows(17, _WRONG, input=(1, 5, 7, c), filters=(3, 3, ci, 4))
    yield from rows(17, _WRONG, input=(0, 5, 7, 3))
    yield from rows(17, _WRONG, input=(1, 0, 7, 3), padding=_pads([1, 2], [0, 1]))


def outputs() -> Iterator[Row]:
    """Rules 18 and 19."""
    for i, k, s, o in _LENGTHS:
        down = {"input": (1, i, 9, 2), "filters": (k, 1, 2, 4), "strides": [s, 1]}
        across = {"input": (1, 9, i, 2), "filters": (1, k, 2, 4), "strides": [1, s]}
        yield from rows(18, _WRONG if o is None else (1, o, 9, 4), **_VALID, **down)
        yield from rows(18, _WRONG if o is None else (1, 9, o, 4), **_VALID, **across)
    for i, s, o in ((5, 1, 5), (5, 2, 3), (5, 3, 2), (5, 5, 1), (5, 9, 1), (1, 1, 1), (0, 2, 0)):
        yield from rows(18, (1, o, 7, 4), input=(1, i, 7, 2), strides=[s, 1])
    yield from rows(18, (1, 0, 6, 4), padding=_pads([1, 0], [1, 0]), filters=(7, 3, 2, 4))
    yield from rows(18, _WRONG, padding=_pads([1, 0]), filters=(8, 3, 2, 4))
    yield from rows(18, (1, 1, 1, 4), **_VALID, dilations=[2, 3])
    yield from rows(18, (1, 0, 0, 4), **_VALID, dilations=[2, 3], input=(1, 4, 6, 2))
    yield from rows(18, _WRONG, **_VALID, dilations=[3, 1], input=(1, 3, 7, 2))
    big = INT32_MAX
    yield from rows(18, (1, 5, 7, 4), dilations=big)
    yield from rows(18, (1, 1, 1, 4), dilations=big, strides=big)
    yield from rows(18, _WRONG, **_VALID, dilations=big)
    yield from rows(18, (1, 1, 1, 4), **_VALID, strides=big)
    yield from rows(18, (1, 0, 0, 4), **_VALID, dilations=big, strides=big)
    yield from rows(18, (0, 6, 8, 4), **_VALID, input=(0, 5, 7, 2), filters=(0, 0, 2, 4))
    yield from rows(18, _WRONG, **_VALID, input=(0, 1, 7, 2))
    huge = [2**30, 2**30]
    yield from rows(19, (1, 3, 3, 1), **_SMALL, strides=2**30, padding=_pads(huge, huge))
    filters = Each(((2, 2, 1, 1), (2, 2, 1, 0)))
    many = _pads([2**40, 0], [2**40, 0])
    yield from rows(19, refused(""), input=(1, 2, 2, 1), filters=filters, padding=many)


def no_output() -> Iterator[Row]:
    """Rule 20: what would be refused if the output had an element."""
    for dtype in DTYPES:
        yield from rows(20, (0, 5, 7, 4), input=(0, 5, 7, 2), dtype=dtype)
    yield from rows(20, (0, 1, 1, 4), input=(0, 1, 1, 2))
    yield from rows(20, (0, 5, 7, 5), input=(0, 5, 7, 4), filters=(3, 3, 2, 5))
    yield from rows(20, (0, 5, 7, 2), input=(0, 5, 7, 4), filters=(3, 3, 1, 2))
    yield from rows(20, (0, 5, 7, 4), input=(0, 5, 7, 2), filters=(0, 3, 2, 4))
    yield from rows(20, (1, 5, 7, 0), filters=Each(((3, 3, 2, 0), (0, 3, 2, 0))))
    yield from rows(20, (1, 5, 7, 0), input=(1, 5, 7, 4), filters=(3, 3, 2, 0))
    yield from rows(20, (1, 0, 7, 5), filters=(6, 1, 1, 5), **_VALID)
    yield from rows(20, (1, 0, 8, 5), filters=(6, 0, 2, 5), **_VALID)
    yield from rows(
        20, (1, 0, 7, 4), input=(1, 0, 7, 2), filters=Each(((3, 3, 2, 4), (0, 3, 2, 4)))
    )
    huge = _pads([2**40, 0])
    yield from rows(20, (0, 2**40 + 1, 1, 1), **{**_SMALL, "input": (0, 2, 2, 1)}, padding=huge)
    none = {**_SMALL, "filters": (2, 2, 1, 0), "strides": INT32_MAX}
    yield from rows(20, (1, 513, 1, 0), **none, padding=huge)
    yield from rows(20, (0, 4, 7, 2), input=(0, 5, 7, 2), filters=(3, 3, 5, 4), data_format="NCHW")


def no_input() -> Iterator[Row]:
    """Rule 21: outputs that are sums of nothing."""
    padded = _pads([1, 2], [0, 1])
    yield from rows(21, (1, 1, 6, 4), input=(1, 0, 7, 2), padding=padded)
    yield from rows(21, (1, 3, 1, 4), input=(1, 5, 0, 2), padding=_pads([0, 0], [2, 1]))
    yield from rows(
        21, (1, 5, 7, 4), input=(1, 5, 7, 0), filters=Each(((3, 3, 2, 4), (0, 3, 2, 4)))
    )
    yield from rows(21, (1, 3, 5, 4), input=(1, 5, 7, 0), **_VALID)
    yield from rows(21, (1, 1, 6, 5), input=(1, 0, 7, 4), filters=(3, 3, 2, 5), padding=padded)
    yield from rows(21, (1, 1, 7, 4), input=(1, 0, 7, 2), filters=(0, 1, 2, 4), **_VALID)
    far = {**_SMALL, "input": (1, 0, 2, 1), "strides": INT32_MAX, "padding": _pads([2**33, 0])}
    yield from rows(21, (1, 5, 1, 1), **far)
    turned = {"filters": (3, 3, 4, 2), "padding": [_NONE, _NONE, [2, 1], _NONE]}
    yield from rows(21, (1, 2, 1, 5), input=(1, 4, 0, 7), data_format="NCHW", **turned)
    yield from rows(21, (1, 4, 5, 7), input=(1, 0, 5, 7), data_format="NCHW")


def huge_padding() -> Iterator[Row]:
    """Rule 23: pads up to the limit, and beyond it."""
    call = {**_SMALL, "strides": INT32_MAX}
    for size, expected in ((INT32_MAX - 1, (1, 1, 1, 1)), (INT32_MAX, refused("padding"))):
        sides = _pads([size, 0]), _pads([0, size]), _pads(_NONE, [size, 0])
        yield from rows(23, expected, padding=Each(sides), **call)
    yield from rows(23, refused("padding"), padding=_pads([2**33, 0]), **call)


def kernels_and_groups() -> Iterator[Row]:
    """Rules 24 and 25."""
    yield from rows(24, (1, 5, 7, 4), filters=(1, 1, 2, 4))
    for filters in ((0, 3, 2, 4), (3, 0, 2, 4), (0, 0, 2, 4)):
        yield from rows(24, _WRONG, filters=filters, padding=Each(("SAME", "VALID")))
    for c, ci, co in ((4, 2, 6), (4, 1, 4), (4, 1, 8), (6, 3, 2)):
        yield from rows(25, (1, 5, 7, co), input=(1, 5, 7, c), filters=(3, 3, ci, co))
        yield from rows(25, _WRONG, input=(1, 5, 7, c), filters=(3, 3, ci, co + 1))
    yield from rows(25, _WRONG, input=(1, 5, 7, 4), filters=(3, 3, 1, 2))
    yield from rows(25, _WRONG, input=(1, 5, 7, 6), filters=(3, 3, 2, 1))

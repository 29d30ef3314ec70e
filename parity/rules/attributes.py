"""Rows about the signature, strides, dilations, padding and data_format."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from parity.rules.row import DTYPES, INT32_MAX, MISSING, Each, Row, refused, rows


class Index:
    """An integer by ``__index__`` only."""

    def __index__(self) -> int:
        return 2

    def __repr__(self) -> str:
        return "Index()"


class Level(enum.IntEnum):
    """An int subclass."""

    TWO = 2


class Number(int):
    """Another int subclass."""

    def __repr__(self) -> str:
        return f"Number({int(self)})"


class Pair(list[Any]):
    """A list subclass."""

    def __repr__(self) -> str:
        return f"Pair({super().__repr__()})"


def generator() -> Iterator[int]:
    """Return strides that can be read once."""
    return (i for i in (2, 1))


def pads_generator() -> Iterator[list[int]]:
    """Return pads that can be read once."""
    return (pair for pair in [[0, 0]] * 4)


_SEQUENCES: dict[tuple[int, int], tuple[Any, ...]] = {
    (1, 1): (None,),
    (2, 2): ([2], (2,)),
    (2, 1): ([2, 1], [1, 2, 1, 1], [np.uint64(2), np.int32(1)], Pair([2, 1]), [Index(), 1]),
    (2, 3): ((1, 2, 3, 1),),
    (1, 2): ([True, 2], range(1, 3)),
}
"""Strides or dilations by those of rows and columns that they stand for."""
_NUMBERS: dict[tuple[int, int], tuple[Any, ...]] = {
    (1, 1): (1, True),
    (2, 2): (2, np.int8(2), np.array([2]), Level.TWO, Number(2), Index()),
    (2, 1): (np.array([2, 1]), np.array([1, 2, 1, 1], np.uint8)),
}
_BY_INDEX = Each(
    (
        *(2.0, 2.5, [2.7, 1], np.array([2.0, 1.0]), np.float32(2), np.True_),
        *(np.array([True, True]), Decimal(2), Fraction(2)),
        *({2, 1}, {2: 0, 1: 0}, b"\x02\x01", bytearray(b"\x02\x01")),
    )
)
"""What TensorFlow truncates, or iterates over."""
_NO_INTEGERS = Each(
    (
        *("2", ["2", "2"], [None, 1], [[2, 1]], np.array([[2, 1]]), np.array(2), 2 + 0j),
        *(generator, float("nan"), float("inf"), 0.5, object),
    )
)
_LENGTHS = Each(([], (), [1, 2, 2], (1, 1, 1, 1, 1), np.array([], int), np.ones(3, int)))
_BEYOND_INT32 = Each(
    (
        *(2**31, 2**32 + 1, -(2**31) - 1, -(2**63), 2**63, 10**30),
        *(np.uint64(2**63), [2**31, 1, 1, 1]),
    )
)
_NCHW: dict[str, Any] = {"filters": (1, 1, 5, 0), "data_format": "NCHW"}
_NONE = [0, 0]


def signature() -> Iterator[Row]:
    """Rule 1, and `name`, which is ignored."""
    for keyword in ("filter", "inputs", "x", "kernel", "groups", "rate", "use_cudnn_on_gpu"):
        yield from rows(1, refused(keyword, TypeError), **{keyword: 1})
    for name in ("input", "filters", "strides", "padding"):
        yield from rows(1, refused(name, TypeError), **{name: MISSING})
    yield from rows(1, (1, 5, 7, 4), name=Each(("a b", None, object)))


def steps(name: str, outer: int, positive: int) -> Iterator[Row]:
    """Rules 4, 6, 9 to 13: the same table for strides and for dilations."""
    for rule, values in ((4, _SEQUENCES), (6, _NUMBERS)):
        for (h, w), spelled in values.items():
            call = {name: Each(spelled)}
            if name == "strides":
                shape = (1, -(-5 // h), -(-7 // w), 4)
                yield from rows(rule, shape, filters=(1, 1, 2, 4), **call)
            else:
                shape = (1, 5 - h, 7 - w, 4)
                yield from rows(rule, shape, filters=(2, 2, 2, 4), padding="VALID", **call)

    def of(rule: int, *values: Any, **more: Any) -> Iterator[Row]:
        return rows(rule, refused(name), **{name: Each(values)}, **more)

    wrong_type = refused(name, TypeError)
    yield from rows(6, wrong_type, ledger="integers-by-index", **{name: _BY_INDEX})
    yield from rows(6, wrong_type, **{name: _NO_INTEGERS})
    yield from of(4, *_LENGTHS)
    yield from rows(9, (1, 1, 1, 4) if name == "strides" else (1, 5, 7, 4), **{name: INT32_MAX})
    yield from of(9, *_BEYOND_INT32)
    yield from rows(outer, (1, 5, 7, 4), **{name: [1, 1, 1, 1]})
    yield from of(outer, [2, 1, 1, 1], (1, 1, 1, 2), [0, 1, 1, 1])
    yield from rows(outer, (1, 0, 7, 2), **_NCHW, **{name: [1, 1, 1, 1]})
    yield from of(outer, [1, 2, 1, 1], **_NCHW)
    yield from rows(positive, (1, 5, 7, 4), **{name: (1, 1)})
    yield from of(positive, 0, False, -1, [1, 0])


def pads() -> Iterator[Row]:
    """Rules 2, 6 and 14: lists of pads."""
    pads = [_NONE, [1, 2], [3, 0], _NONE]

    def at(place: int, *values: Any) -> Each:
        return Each([value if place == axis else _NONE for axis in range(4)] for value in values)

    lists = (pads, tuple(map(tuple, pads)), [(0, 0), [1, 2], (3, 0), [0, 0]])
    yield from rows(2, (1, 6, 8, 4), padding=Each((*lists, Pair(map(Pair, pads)))))
    for first, second in (([0, 0], [np.int64(1), np.uint8(2)]), ([False] * 2, [True, 2])):
        yield from rows(6, (1, 6, 8, 4), padding=[first, second, [3, 0], _NONE])
    yield from rows(6, (1, 6, 8, 4), padding=[_NONE, [1, Index()], [3, 0], _NONE])
    yield from rows(2, (1, 3, 5, 4), padding=[_NONE] * 4)
    yield from rows(2, (1, 20, 5, 4), padding=at(1, [9, 8]))
    wrong = (
        *("EXPLICIT", np.array(pads), [np.array(p) for p in pads], [range(2)] * 4),
        *([1, 1], [0, 0, 1, 1, 1, 1, 0, 0], [[1, 1], [1, 1]], pads[:3], [*pads, _NONE], []),
        *([_NONE, [1], [1], _NONE], *at(1, [1, 1, 1], "11")),
    )
    yield from rows(2, refused("padding"), padding=Each(wrong))
    wrong_type = refused("padding", TypeError)
    truncated = at(1, *([number, 1] for number in (1.9, 1.0, np.True_, Decimal(1))))
    yield from rows(6, wrong_type, padding=truncated, ledger="integers-by-index")
    no_integers = at(1, ["1", 1], [None, 1], [float("nan"), 1])
    yield from rows(6, wrong_type, padding=no_integers)
    outer = Each((*at(0, [1, 0]), *at(3, [0, 1])))
    yield from rows(14, refused("padding"), padding=outer)
    turned = Each(([_NONE, [1, 1], [1, 1], _NONE], [[1, 1], _NONE, [1, 1], _NONE]))
    yield from rows(14, refused("padding"), padding=turned, **_NCHW)
    yield from rows(14, (1, 0, 10, 5), padding=[_NONE, _NONE, [1, 2], [3, 0]], **_NCHW)
    negative = (*at(1, [0, -1], [-(2**40), 0]), *at(2, [-1, 0]), *at(0, [-1, 0]))
    yield from rows(14, refused("padding"), padding=Each(negative), strides=2)


def paddings() -> Iterator[Row]:
    """Rules 6 and 8: other paddings."""
    nothing: tuple[Any, ...] = (
        None,
        0,
        1,
        1.0,
        True,
        {"SAME"},
        {},
        np.array("SAME"),
        pads_generator,
    )
    yield from rows(6, refused("padding", TypeError), padding=Each(nothing))
    yield from rows(8, (1, 3, 5, 4), padding=Each(("VALID", np.str_("VALID"), b"VALID")))
    unknown = ("same", "Valid", "", "FULL", "SAME ", b"same", b"EXPLICIT")
    yield from rows(8, refused("padding"), padding=Each(unknown))


def data_formats() -> Iterator[Row]:
    """Rules 3, 8 and 22."""
    yield from rows(3, (1, 5, 7, 4), data_format=Each((None, "NHWC", np.str_("NHWC"))))
    wrong_type = refused("data_format", TypeError)
    yield from rows(3, wrong_type, data_format=Each((1, ["NHWC"], b"NHWC")))
    unknown = ("nhwc", "nchw", "NCHW_VECT_C", "HWNC", "", "NHW", "channels_last")
    yield from rows(8, refused("data_format"), data_format=Each(unknown))
    nchw: dict[str, Any] = {"filters": (3, 3, 5, 4), "data_format": "NCHW", "ledger": "nchw"}
    for dtype in DTYPES:
        yield from rows(22, (1, 4, 7, 2), dtype=dtype, **nchw)
    yield from rows(22, (2, 1, 4, 7, 2), input=(2, 1, 5, 7, 2), **nchw)
    explicit = {"filters": (1, 1, 5, 4), "padding": [_NONE, _NONE, [1, 2], _NONE]}
    yield from rows(22, (1, 4, 10, 2), **{**nchw, **explicit})
    yield from rows(17, refused("filters"), data_format="NCHW")

"""Rows about what the arrays are: dtypes, and ranks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from parity.rules.row import DTYPES, FLOATS, INT32_MAX, Each, Row, refused, rows

_KINDS = (
    ("bool",),
    ("int8", "int32", "int64", "uint8", "uint64"),
    (*FLOATS, "longdouble"),
    ("complex64", "complex128"),
)
_NO_INPUT = (
    *("int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64", "bool"),
    *("complex64", "complex128", "longdouble", "object", "U4", "S4", "M8[s]", "V4"),
)


def objects() -> Any:
    """Return filters of Python's numbers."""
    return np.ones((3, 3, 2, 4), object)


def texts() -> Any:
    """Return filters of text."""
    return np.full((3, 3, 2, 4), "1")


def dtypes() -> Iterator[Row]:
    """Rule 7: filters are cast within a kind of number."""
    rank = {dtype: place for place, kind in enumerate(_KINDS) for dtype in kind}
    wrong_type = refused("filters", TypeError)
    for x in DTYPES:
        for w in rank:
            if rank[w] <= rank[x]:
                yield from rows(7, (1, 5, 7, 4), dtype=x, wdtype=w)
            else:
                yield from rows(7, wrong_type, dtype=x, wdtype=w, ledger="filters-dtype")
    yield from rows(7, wrong_type, filters=Each((objects, texts)), ledger="filters-dtype")
    for x in _NO_INPUT:
        yield from rows(7, refused("input", TypeError), dtype=x, wdtype="float32")
    for order in (">f2", ">f4", ">f8", ">i4", "<f4"):
        yield from rows(7, (1, 5, 7, 4), dtype=order)


def lists() -> Iterator[Row]:
    """Rules 5 and 7: what is no array."""
    image = (1, 5, 7, 1)
    taken = Each(([[[[1.0]]]], [[[[1]]]], [[[[True]]]]))
    yield from rows(7, image, input=image, filters=taken)
    yield from rows(7, image, input=image, filters=[[[[1]]]], dtype="int32")
    wrong_type = refused("filters", TypeError)
    yield from rows(7, wrong_type, input=image, filters=[[[[2.0]]]], dtype="int32")
    yield from rows(7, wrong_type, input=image, filters=Each(([[[[1j]]]], [[[["1"]]]], None)))
    yield from rows(7, refused("filters"), input=image, filters=[[[[1.0], [1.0, 2.0]]]])
    nested = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
    yield from rows(5, (1, 2, 2, 4), input=nested, filters=(1, 1, 1, 4), ledger="input-list")
    yield from rows(5, refused("input", TypeError), input=Each(([[[[1]]]], None, "abc")))
    yield from rows(5, refused("input"), input=Each((1.0, [1.0, 2.0], [[1.0], [1.0, 2.0]])))


def ranks() -> Iterator[Row]:
    """Rules 5 and 15, and the empty sizes that a rank of 5 or more meets."""
    for batch in ((2,), (2, 1), (2, 1, 1), (1, 2, 1, 2, 1)):
        yield from rows(5, (*batch, 5, 7, 4), input=(*batch, 5, 7, 2))
    yield from rows(15, (2, 5, 7, 4), input=(2, 5, 7, 2), filters=(2, 2, 2, 4))
    yield from rows(15, refused("input"), input=Each(((), (2,), (7, 2), (5, 7, 2))))
    filters = Each(((), (2,), (3, 2), (3, 3, 2), (1, 3, 3, 2, 4)))
    yield from rows(15, refused("filters"), filters=filters)
    yield from rows(15, refused("filters"), input=(1, 1, 5, 7, 2), filters=(1, 3, 3, 2, 4))
    padded = [[0, 0], [2, 2], [0, 0], [0, 0]]
    yield from rows(5, (2, 0, 3, 3, 4), input=(2, 0, 5, 5, 2), padding="VALID")
    yield from rows(5, (2, 2, 2, 3, 4), input=(2, 2, 0, 5, 2), padding=padded)
    yield from rows(5, (0, 2, 0, 5, 4), input=(0, 2, 0, 5, 2))
    empty = Each(((0, 2, 0, 5, 2), (0, 0, 0, 5, 2)))
    yield from rows(5, refused("input"), input=empty, padding=padded)
    yield from rows(5, refused("input"), input=(2, 0, 5, 5, 0))
    yield from rows(5, (2, 0, 0, 5, 4), input=(2, 0, 0, 5, 0))


def limits() -> Iterator[Row]:
    """Rule 16: the size of an axis, and rule 5: that of a result."""
    big, less, one = INT32_MAX, INT32_MAX - 1, (1, 1, 1, 1)
    beyond = ((big, 0, 1, 1), (0, big, 1, 1), (0, 1, big, 1), (0, 1, 1, 2**32), (0, big, 0, 1, 1))
    yield from rows(16, refused("input"), input=Each(beyond), filters=one)
    yield from rows(16, refused("input"), input=(0, 1, 1, big), filters=(1, 1, 1, 0))
    taps = Each(((big, 1, 1, 0), (1, 2**40, 1, 0)))
    yield from rows(16, refused("filters"), input=one, filters=taps)
    yield from rows(16, refused("filters"), input=(0, 1, 1, 0), filters=(0, 1, big, 1))
    yield from rows(16, refused("filters"), input=(0, 1, 1, 1), filters=(0, 1, 1, 2**31))
    most = (
        (less, 0, 1, 1),
        (0, less, 1, 1),
        (0, 1, less, 1),
        (0, big, 1, 1, 1),
        (0, less, 0, 1, 1),
    )
    for shape in most:
        yield from rows(16, shape, input=shape, filters=one)
    yield from rows(16, (0, 1, 1, 0), input=(0, 1, 1, less), filters=(1, 1, 1, 0))
    yield from rows(16, (1, 1, 1, 0), input=one, filters=(less, 1, 1, 0))
    yield from rows(16, (0, 1, 1, big), input=(0, 1, 1, 1), filters=(0, 1, 1, big))
    # Without rows in the kernel its extent is 1 - dilation, so that OH exceeds int32.
    far: dict[str, Any] = {"filters": (0, 1, 1, 0), "dilations": [big, 1], "padding": "VALID"}
    yield from rows(5, (1, 2**31, 1, 0), input=one, **far)
    yield from rows(5, refused("input"), input=(1, *one), **far)

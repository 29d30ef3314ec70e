"""The acceptance rules of `conv2d`, one row a call: what is taken, what is refused, and why.

The rules are numbered in the order in which TensorFlow applies them: 1 signature, 2 padding list,
3 data_format, 4 lengths of strides and dilations, 5 input's rank, 6 integers, 7 dtypes,
8 strings, 9 int32 range, 10-13 strides and dilations, 14 explicit padding, 15 ranks,
16 size limits, 17 in_channels, 18 output size, 19 result too large, 20 empty output,
21 empty input, 22 NCHW, 23 huge padding, 24 empty kernel, 25 groups.

A row is plain data plus NumPy, so that the same table can be asked of npconv and of TensorFlow.
Of TensorFlow's exceptions only "rejected" is compared: the classes differ on purpose.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import FunctionType
from typing import Any, Literal

import numpy as np

__all__ = ["ROWS", "Row"]

INT32_MAX = 2**31 - 1
FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = (*FLOATS, "int32")

Verdict = Literal["ok"] | type[ValueError] | type[TypeError]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One call and its verdict.

    Attributes
    ----------
    id : str
        Unique name of the row.
    rule : int
        Number of the rule, 1 to 25, that decides.
    call : callable
        Returns fresh keyword arguments for ``conv2d`` every time.
    verdict : "ok" or exception class
        What npconv does.
    names : str
        The argument that npconv's message names; "" when the call is accepted, or when the
        refusal is NumPy's own.
    tensorflow : {"ok", "rejected"} or None
        TensorFlow's verdict, without oneDNN, where it deliberately differs.
    ledger : str or None
        The row of the divergence ledger that explains the difference.
    shape : tuple of int or None
        Shape of the accepted call's result.
    """

    id: str
    rule: int
    call: Callable[[], dict[str, Any]]
    verdict: Verdict
    names: str = ""
    tensorflow: Literal["ok", "rejected"] | None = None
    ledger: str | None = None
    shape: Shape | None = None


class Index:
    """An integer by ``__index__`` only."""

    def __index__(self) -> int:
        return 2


class Level(enum.IntEnum):
    """An int subclass."""

    TWO = 2


class Number(int):
    """Another int subclass."""


class Pair(list[Any]):
    """A list subclass."""


def array(shape: Shape, dtype: str = "float32") -> np.ndarray[Any, Any]:
    """Zeros, or uninitialised where the sizes are huge and empty; bfloat16 is imported late."""
    if dtype == "bfloat16":
        import ml_dtypes

        return np.zeros(shape, ml_dtypes.bfloat16)
    return np.empty(shape, dtype) if 0 in shape else np.zeros(shape, dtype)


class Make:
    """A callable that builds one row's arguments afresh."""

    def __init__(self, dtype: str, wdtype: str | None, arguments: dict[str, Any]) -> None:
        self.dtypes = {"input": dtype, "filters": wdtype or dtype}
        self.arguments = arguments

    def __call__(self) -> dict[str, Any]:
        return {name: self._fresh(name, value) for name, value in self.arguments.items()}

    def _fresh(self, name: str, value: Any) -> Any:
        if isinstance(value, FunctionType):
            return value()
        if name in self.dtypes and isinstance(value, tuple):
            return array(value, self.dtypes[name])
        return copy.deepcopy(value)


MISSING = object()
BASE: dict[str, Any] = {
    "input": (1, 5, 7, 2),
    "filters": (3, 3, 2, 4),
    "strides": 1,
    "padding": "SAME",
}


def row(
    id: str,
    rule: int,
    expected: Any,  # a shape, or what `refused` returns
    *,
    tensorflow: Any = None,
    ledger: Any = None,
    dtype: Any = "float32",
    wdtype: Any = None,
    **arguments: Any,
) -> Row:
    """Build a row from the arguments that differ from `BASE`; tuples for arrays are shapes."""
    merged = {**BASE, **arguments}
    call = Make(dtype, wdtype, {k: v for k, v in merged.items() if v is not MISSING})
    if isinstance(expected[0], type):
        verdict, names = expected
        return Row(f"{rule}-{id}", rule, call, verdict, names, tensorflow, ledger)
    return Row(f"{rule}-{id}", rule, call, "ok", "", tensorflow, ledger, expected)


def refused(
    name: str, error: type[ValueError] | type[TypeError] = ValueError
) -> tuple[type[ValueError] | type[TypeError], str]:
    """Return the verdict of a call that is rejected for the argument `name`."""
    return (error, name)


def signature() -> Iterator[Row]:
    """Rule 1, and `name`, which is ignored."""
    for keyword in ("filter", "inputs", "x", "kernel", "groups", "rate", "use_cudnn_on_gpu"):
        yield row(keyword, 1, refused(keyword, TypeError), **{keyword: 1})
    for name in ("input", "filters", "strides", "padding"):
        yield row(f"without-{name}", 1, refused(name, TypeError), **{name: MISSING})
    for label, value in {"str": "a b", "None": None, "object": object()}.items():
        yield row(f"name-{label}", 1, (1, 5, 7, 4), name=value)


def integers() -> Iterator[Row]:
    """Rules 4, 6, 9 to 13: the same table for strides and for dilations."""
    accepted: dict[str, tuple[Any, int, int]] = {
        "1": (1, 1, 1),
        "2": (2, 2, 2),
        "[2]": ([2], 2, 2),
        "(2,)": ((2,), 2, 2),
        "[2,1]": ([2, 1], 2, 1),
        "[1,2,1,1]": ([1, 2, 1, 1], 2, 1),
        "(1,2,3,1)": ((1, 2, 3, 1), 2, 3),
        "None": (None, 1, 1),
        "int8": (np.int8(2), 2, 2),
        "uint64": ([np.uint64(2), np.int32(1)], 2, 1),
        "array1": (np.array([2]), 2, 2),
        "array2": (np.array([2, 1]), 2, 1),
        "array4": (np.array([1, 2, 1, 1], np.uint8), 2, 1),
        "True": (True, 1, 1),
        "[True,2]": ([True, 2], 1, 2),
        "range": (range(1, 3), 1, 2),
        "IntEnum": (Level.TWO, 2, 2),
        "int-subclass": (Number(2), 2, 2),
        "list-subclass": (Pair([2, 1]), 2, 1),
        "__index__": (Index(), 2, 2),
        "[__index__]": ([Index(), 1], 2, 1),
    }
    by_index: dict[str, Any] = {
        "2.0": 2.0,
        "2.5": 2.5,
        "[2.7,1]": [2.7, 1],
        "float-array": np.array([2.0, 1.0]),
        "np.float32": np.float32(2),
        "np.bool_": np.True_,
        "bool-array": np.array([True, True]),
        "Decimal": Decimal(2),
        "Fraction": Fraction(2),
        "set": {2, 1},
        "dict": {2: 0, 1: 0},
        "bytes": b"\x02\x01",
        "bytearray": bytearray(b"\x02\x01"),
    }
    types: dict[str, Any] = {
        "str": "2",
        "strs": ["2", "2"],
        "[None,1]": [None, 1],
        "nested": [[2, 1]],
        "array-2d": np.array([[2, 1]]),
        "array-0d": np.array(2),
        "complex": 2 + 0j,
        "generator": lambda: (i for i in (2, 1)),
        "nan": float("nan"),
        "inf": float("inf"),
        "0.5": 0.5,
        "object": object,
    }
    lengths: dict[str, Any] = {
        "[]": [],
        "()": (),
        "3": [1, 2, 2],
        "5": (1, 1, 1, 1, 1),
        "empty-array": np.array([], int),
        "array-3": np.ones(3, int),
    }
    rules = {"strides": (9, 10, 11), "dilations": (9, 12, 13)}
    for name, (limit, outer, positive) in rules.items():
        for label, (value, h, w) in accepted.items():
            shape = (1, -(-5 // h), -(-7 // w), 4) if name == "strides" else (1, 5 - h, 7 - w, 4)
            more: dict[str, Any] = {"filters": (1, 1, 2, 4)}
            if name == "dilations":
                more = {"filters": (2, 2, 2, 4), "padding": "VALID"}
            rule = 4 if isinstance(value, list | tuple | range | None) else 6
            yield row(f"{name}-{label}", rule, shape, **more, **{name: value})
        for label, value in by_index.items():
            yield row(
                f"{name}-{label}",
                6,
                refused(name, TypeError),
                tensorflow="ok",
                ledger="integers-by-index",
                **{name: value},
            )
        for label, value in types.items():
            yield row(f"{name}-{label}", 6, refused(name, TypeError), **{name: value})
        for label, value in lengths.items():
            yield row(f"{name}-length-{label}", 4, refused(name), **{name: value})
        yield row(f"{name}-2**31-1", limit, (1, 1, 1, 4) if name == "strides" else (1, 5, 7, 4),
                  **{name: INT32_MAX})  # fmt: skip
        for label, value in {
            "2**31": 2**31,
            "2**32+1": 2**32 + 1,
            "-2**31-1": -(2**31) - 1,
            "-2**63": -(2**63),
            "2**63": 2**63,
            "10**30": 10**30,
            "uint64": np.uint64(2**63),
            "N": [2**31, 1, 1, 1],
        }.items():
            yield row(f"{name}-{label}", limit, refused(name), **{name: value})
        yield row(f"{name}-N=C=1", outer, (1, 5, 7, 4), **{name: [1, 1, 1, 1]})
        for label, value in {"N": [2, 1, 1, 1], "C": (1, 1, 1, 2), "N0": [0, 1, 1, 1]}.items():
            yield row(f"{name}-{label}=bad", outer, refused(name), **{name: value})
        yield row(f"{name}-nchw", outer, (1, 0, 7, 2), filters=(1, 1, 5, 0), data_format="NCHW",
                  **{name: [1, 1, 1, 1]})  # fmt: skip
        yield row(f"{name}-nchw-C", outer, refused(name), filters=(1, 1, 5, 0),
                  data_format="NCHW", **{name: [1, 2, 1, 1]})  # fmt: skip
        yield row(f"{name}-1", positive, (1, 5, 7, 4), **{name: (1, 1)})
        for label, value in {"0": 0, "False": False, "-1": -1, "W0": [1, 0]}.items():
            yield row(f"{name}-{label}", positive, refused(name), **{name: value})


def padding() -> Iterator[Row]:
    """Rules 2, 6, 8 and 14."""
    pads = [[0, 0], [1, 2], [3, 0], [0, 0]]
    padded = (1, 6, 8, 4)
    none = [0, 0]
    taken: dict[str, tuple[Any, Shape]] = {
        "list": (pads, padded),
        "tuple": (tuple(map(tuple, pads)), padded),
        "mixed": ([(0, 0), [1, 2], (3, 0), [0, 0]], padded),
        "subclass": (Pair([Pair(p) for p in pads]), padded),
        "numpy-ints": ([none, [np.int64(1), np.uint8(2)], [3, 0], none], padded),
        "bools": ([[False, False], [True, 2], [3, 0], none], padded),
        "__index__": ([none, [1, Index()], [3, 0], none], padded),
        "zeros": ([none] * 4, (1, 3, 5, 4)),
        "larger-than-kernel": ([none, [9, 8], none, none], (1, 20, 5, 4)),
    }
    for label, (value, shape) in taken.items():
        rule = 6 if label in ("numpy-ints", "bools", "__index__") else 2
        yield row(f"padding-{label}", rule, shape, padding=value)
    for label, value in {
        "EXPLICIT": "EXPLICIT",
        "array": np.array(pads),
        "arrays": [np.array(p) for p in pads],
        "ranges": [range(2)] * 4,
        "ints": [1, 1],
        "flat": [0, 0, 1, 1, 1, 1, 0, 0],
        "2": [[1, 1], [1, 1]],
        "3": pads[:3],
        "5": [*pads, none],
        "empty": [],
        "single": [none, [1], [1], none],
        "triple": [none, [1, 1, 1], none, none],
        "str": [none, "11", none, none],
    }.items():
        yield row(f"padding-{label}", 2, refused("padding"), padding=value)
    for label, value in {
        "1.9": 1.9,
        "1.0": 1.0,
        "np.bool_": np.True_,
        "Decimal": Decimal(1),
    }.items():
        yield row(
            f"padding-{label}",
            6,
            refused("padding", TypeError),
            tensorflow="ok",
            ledger="integers-by-index",
            padding=[none, [value, 1], none, none],
        )
    for label, value in {
        "None": None,
        "0": 0,
        "1": 1,
        "1.0-scalar": 1.0,
        "True": True,
        "set": {"SAME"},
        "dict": {},
        "array-str": np.array("SAME"),
        "generator": lambda: (p for p in [[0, 0]] * 4),
        "str-element": [none, ["1", 1], none, none],
        "None-element": [none, [None, 1], none, none],
        "nan-element": [none, [float("nan"), 1], none, none],
    }.items():
        yield row(f"padding-{label}", 6, refused("padding", TypeError), padding=value)
    for label, value in {"str": "VALID", "np.str_": np.str_("VALID"), "bytes": b"VALID"}.items():
        yield row(f"padding-{label}", 8, (1, 3, 5, 4), padding=value)
    for value in ("same", "Valid", "", "FULL", "SAME ", b"same", b"EXPLICIT"):
        yield row(f"padding-{value!r}", 8, refused("padding"), padding=value)
    for name, value in {"N": [1, 0], "C": [0, 1]}.items():
        at = {"N": 0, "C": 3}[name]
        bad = [value if i == at else none for i in range(4)]
        yield row(f"padding-in-{name}", 14, refused("padding"), padding=bad)
        yield row(f"padding-nhwc-in-nchw-{name}", 14, refused("padding"), data_format="NCHW",
                  filters=(1, 1, 5, 0), padding=[[0, 0], [1, 1], [1, 1], [0, 0]])  # fmt: skip
    yield row("padding-nchw", 14, (1, 0, 10, 5), data_format="NCHW", filters=(1, 1, 5, 0),
              padding=[none, none, [1, 2], [3, 0]])  # fmt: skip
    for label, value in {"H": [0, -1], "W": [-1, 0], "N": [-1, 0], "-2**40": [-(2**40), 0]}.items():
        at = {"H": 1, "W": 2, "N": 0, "-2**40": 1}[label]
        bad = [value if i == at else none for i in range(4)]
        yield row(f"padding-negative-{label}", 14, refused("padding"), padding=bad, strides=2)


def data_format() -> Iterator[Row]:
    """Rules 3, 8 and 22."""
    for label, value in {"None": None, "NHWC": "NHWC", "np.str_": np.str_("NHWC")}.items():
        yield row(f"data_format-{label}", 3, (1, 5, 7, 4), data_format=value)
    for label, wrong in {"1": 1, "list": ["NHWC"], "bytes": b"NHWC"}.items():
        yield row(f"data_format-{label}", 3, refused("data_format", TypeError), data_format=wrong)
    for value in ("nhwc", "nchw", "NCHW_VECT_C", "HWNC", "", "NHW", "channels_last"):
        yield row(f"data_format-{value!r}", 8, refused("data_format"), data_format=value)
    for dtype in DTYPES:
        yield row(f"nchw-{dtype}", 22, (1, 4, 7, 2), dtype=dtype, data_format="NCHW",
                  filters=(3, 3, 5, 4), tensorflow="rejected", ledger="nchw")  # fmt: skip
    yield row("nchw-rank-5", 22, (2, 1, 4, 7, 2), input=(2, 1, 5, 7, 2), data_format="NCHW",
              filters=(3, 3, 5, 4), tensorflow="rejected", ledger="nchw")  # fmt: skip
    yield row("nchw-explicit", 22, (1, 4, 10, 2), data_format="NCHW", filters=(1, 1, 5, 4),
              padding=[[0, 0], [0, 0], [1, 2], [0, 0]],
              tensorflow="rejected", ledger="nchw")  # fmt: skip
    yield row("nchw-channels", 17, refused("filters"), data_format="NCHW")


def dtypes() -> Iterator[Row]:
    """Rules 5 and 7: dtypes, and what is no array."""
    kinds = (("bool",), ("int8", "int32", "int64", "uint8", "uint64"), (*FLOATS, "longdouble"),
             ("complex64", "complex128"))  # fmt: skip
    rank = {dtype: place for place, kind in enumerate(kinds) for dtype in kind}
    for x in DTYPES:
        for w in rank:
            if rank[w] <= rank[x]:
                yield row(f"{x}-filters-{w}", 7, (1, 5, 7, 4), dtype=x, wdtype=w)
            else:
                yield row(f"{x}-filters-{w}", 7, refused("filters", TypeError), dtype=x, wdtype=w,
                          tensorflow="ok", ledger="filters-dtype")  # fmt: skip
    for w in ("object", "U1"):
        ones = {
            "object": lambda: np.ones((3, 3, 2, 4), object),
            "U1": lambda: np.full((3, 3, 2, 4), "1"),
        }
        yield row(f"filters-{w}", 7, refused("filters", TypeError), filters=ones[w],
                  tensorflow="ok", ledger="filters-dtype")  # fmt: skip
    for x in ("int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "complex64",
              "complex128", "longdouble", "object", "U4", "S4", "M8[s]", "V4"):  # fmt: skip
        yield row(f"input-{x}", 7, refused("input", TypeError), dtype=x, wdtype="float32")
    for order in (">f2", ">f4", ">f8", ">i4", "<f4"):
        yield row(f"input-{order}", 7, (1, 5, 7, 4), dtype=order)
    for label, value in {"float": [[[[1.0]]]], "int": [[[[1]]]], "bool": [[[[True]]]]}.items():
        yield row(f"filters-list-{label}", 7, (1, 5, 7, 1), input=(1, 5, 7, 1), filters=value)
    yield row("int32-filters-list", 7, (1, 5, 7, 1), dtype="int32", input=(1, 5, 7, 1),
              filters=[[[[1]]]])  # fmt: skip
    for label, error, dtype, value in (
        ("float-in-int32", TypeError, "int32", [[[[2.0]]]]),
        ("complex", TypeError, "float32", [[[[1j]]]]),
        ("str", TypeError, "float32", [[[["1"]]]]),
        ("None", TypeError, "float32", None),
        ("ragged", ValueError, "float32", [[[[1.0], [1.0, 2.0]]]]),
    ):
        yield row(f"filters-list-{label}", 7, refused("filters", error), dtype=dtype,
                  input=(1, 5, 7, 1), filters=value)  # fmt: skip
    nested = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
    yield row("input-list", 5, (1, 2, 2, 4), input=nested, filters=(1, 1, 1, 4),
              tensorflow="rejected", ledger="input-list")  # fmt: skip
    for label, error, value in (
        ("int-list", TypeError, [[[[1]]]]),
        ("None", TypeError, None),
        ("str", TypeError, "abc"),
        ("float", ValueError, 1.0),
        ("flat-list", ValueError, [1.0, 2.0]),
        ("ragged", ValueError, [[1.0], [1.0, 2.0]]),
    ):
        yield row(f"input-{label}", 5, refused("input", error), input=value)


P2 = [[0, 0], [2, 2], [0, 0], [0, 0]]


def ranks() -> Iterator[Row]:
    """Rules 5, 15 and 16, and the empty sizes that a rank of 5 or more meets."""
    shape: Shape
    expected: Any
    for shape in ((2, 5, 7, 2), (2, 1, 5, 7, 2), (2, 1, 1, 5, 7, 2), (1, 2, 1, 2, 1, 5, 7, 2)):
        yield row(f"rank-{len(shape)}", 5, (*shape[:-1], 4), input=shape)
    yield row("rank-4", 15, (2, 5, 7, 4), input=(2, 5, 7, 2), filters=(2, 2, 2, 4))
    for shape in ((), (2,), (7, 2), (5, 7, 2)):
        yield row(f"input-rank-{len(shape)}", 15, refused("input"), input=shape)
    for shape in ((), (2,), (3, 2), (3, 3, 2), (1, 3, 3, 2, 4)):
        yield row(f"filters-rank-{len(shape)}", 15, refused("filters"), filters=shape)
    yield row("rank-5-filters-rank-5", 15, refused("filters"), input=(1, 1, 5, 7, 2),
              filters=(1, 3, 3, 2, 4))  # fmt: skip
    for label, shape, pad, expected in (
        ("0,N", (2, 0, 5, 5, 2), "VALID", (2, 0, 3, 3, 4)),
        ("N,H=0", (2, 2, 0, 5, 2), P2, (2, 2, 2, 3, 4)),
        ("0,H=0-same", (0, 2, 0, 5, 2), "SAME", (0, 2, 0, 5, 4)),
        ("0,H=0-padded", (0, 2, 0, 5, 2), P2, refused("input")),
        ("0,0,H=0-padded", (0, 0, 0, 5, 2), P2, refused("input")),
        ("0,C=0", (2, 0, 5, 5, 0), "SAME", refused("input")),
        ("0,H=C=0", (2, 0, 0, 5, 0), "SAME", (2, 0, 0, 5, 4)),
    ):
        yield row(f"rank-5-empty-{label}", 5, expected, input=shape, padding=pad)
    big, less = INT32_MAX, INT32_MAX - 1
    one = (1, 1, 1, 1)
    for label, shape, filters, name in (
        ("N", (big, 0, 1, 1), one, "input"),
        ("H", (0, big, 1, 1), one, "input"),
        ("W", (0, 1, big, 1), one, "input"),
        ("C", (0, 1, 1, big), (1, 1, 1, 0), "input"),
        ("C=2**32", (0, 1, 1, 2**32), one, "input"),
        ("kh", (1, 1, 1, 1), (big, 1, 1, 0), "filters"),
        ("kw", (1, 1, 1, 1), (1, 2**40, 1, 0), "filters"),
        ("ci", (0, 1, 1, 0), (0, 1, big, 1), "filters"),
        ("co", (0, 1, 1, 1), (0, 1, 1, 2**31), "filters"),
        ("rank-5-N", (0, big, 0, 1, 1), one, "input"),
    ):
        yield row(f"size-{label}", 16, refused(name), input=shape, filters=filters)
    for label, shape, filters, expected in (
        ("N", (less, 0, 1, 1), one, (less, 0, 1, 1)),
        ("H", (0, less, 1, 1), one, (0, less, 1, 1)),
        ("W", (0, 1, less, 1), one, (0, 1, less, 1)),
        ("C", (0, 1, 1, less), (1, 1, 1, 0), (0, 1, 1, 0)),
        ("kh", (1, 1, 1, 1), (less, 1, 1, 0), (1, 1, 1, 0)),
        ("co", (0, 1, 1, 1), (0, 1, 1, big), (0, 1, 1, big)),
        ("rank-5-N", (0, big, 1, 1, 1), one, (0, big, 1, 1, 1)),
        ("rank-5-zeros", (0, less, 0, 1, 1), one, (0, less, 0, 1, 1)),
    ):
        yield row(f"size-{label}-less", 16, expected, input=shape, filters=filters)
    # Without rows in the kernel its extent is 1 - dilation, so that OH exceeds int32.
    far: dict[str, Any] = {"filters": (0, 1, 1, 0), "dilations": [big, 1], "padding": "VALID"}
    for shape, expected in (
        ((1, 1, 1, 1), (1, 2**31, 1, 0)),
        ((1, 1, 1, 1, 1), refused("input")),
    ):
        yield row(f"result-beyond-int32-rank-{len(shape)}", 5, expected, input=shape, **far)


def sizes() -> Iterator[Row]:
    """Rules 17 to 21 and 23 to 25."""
    shape: Shape
    groups = [((1, 5, 7, 6), (3, 3, ci, 12), ci) for ci in (6, 3, 2, 1)]
    for shape, filters, ci in groups:
        yield row(f"in_channels-6-{ci}", 17, (1, 5, 7, 12), input=shape, filters=filters)
    for c, ci in ((3, 2), (2, 4), (3, 0), (0, 0)):
        yield row(f"in_channels-{c}-{ci}", 17, refused("filters"), input=(1, 5, 7, c),
                  filters=(3, 3, ci, 4))  # fmt: skip
    lengths: list[tuple[int, int, int, int | None]] = [
        # input, kernel, stride -> output; None where it would be negative
        (3, 3, 1, 1), (3, 4, 1, 0), (3, 5, 1, None), (1, 5, 3, 0), (1, 6, 3, 0), (1, 7, 3, None),
        (1, 10, 5, 0), (1, 11, 5, None), (4, 19, 8, 0), (4, 20, 8, None), (5, 2, 3, 2),
        (0, 1, 1, 0), (0, 2, 1, None), (0, 2, 2, 0), (5, 1, 9, 1),
    ]  # fmt: skip
    for i, k, s, o in lengths:
        name = f"valid-{i},{k},{s}"
        expected = refused("filters") if o is None else (1, o, 9, 4)
        yield row(f"{name}-H", 18, expected, input=(1, i, 9, 2), filters=(k, 1, 2, 4),
                  strides=[s, 1], padding="VALID")  # fmt: skip
        expected = refused("filters") if o is None else (1, 9, o, 4)
        yield row(f"{name}-W", 18, expected, input=(1, 9, i, 2), filters=(1, k, 2, 4),
                  strides=[1, s], padding="VALID")  # fmt: skip
    one = (1, 2, 2, 1)
    two = (2, 2, 1, 1)
    none = [0, 0]

    def pad(h: list[int], w: list[int] = none) -> list[list[int]]:
        return [none, h, w, none]

    yield row("explicit", 18, (1, 0, 6, 4), padding=pad([1, 0], [1, 0]), filters=(7, 3, 2, 4))
    yield row(
        "explicit-negative", 18, refused("filters"), padding=pad([1, 0]), filters=(8, 3, 2, 4)
    )
    yield row("dilated", 18, (1, 1, 1, 4), dilations=[2, 3], padding="VALID")
    yield row("dilated-empty", 18, (1, 0, 0, 4), dilations=[2, 3], padding="VALID",
              input=(1, 4, 6, 2))  # fmt: skip
    yield row("dilated-negative", 18, refused("filters"), dilations=[3, 1], padding="VALID",
              input=(1, 3, 7, 2))  # fmt: skip
    for i, s, o in ((5, 1, 5), (5, 2, 3), (5, 3, 2), (5, 5, 1), (5, 9, 1), (1, 1, 1), (0, 2, 0)):
        yield row(f"same-{i},{s}", 18, (1, o, 7, 4), input=(1, i, 7, 2), strides=[s, 1])
    yield row("same-huge-dilation", 18, (1, 5, 7, 4), dilations=INT32_MAX)
    yield row("same-huge-both", 18, (1, 1, 1, 4), dilations=INT32_MAX, strides=INT32_MAX)
    yield row("valid-huge-dilation", 18, refused("filters"), dilations=INT32_MAX, padding="VALID")
    yield row("valid-huge-stride", 18, (1, 1, 1, 4), strides=INT32_MAX, padding="VALID")
    yield row("valid-huge-both", 18, (1, 0, 0, 4), dilations=INT32_MAX, strides=INT32_MAX,
              padding="VALID")  # fmt: skip
    yield row("kernel-0", 18, (0, 6, 8, 4), input=(0, 5, 7, 2), filters=(0, 0, 2, 4),
              padding="VALID")  # fmt: skip

    huge = [2**30, 2**30]
    yield row("huge-padding-huge-stride", 19, (1, 3, 3, 1), input=one, filters=two, strides=2**30,
              padding=pad(huge, huge))  # fmt: skip
    yield row("too-many-elements", 19, (ValueError, ""), input=one, filters=two,
              padding=pad([2**40, 0], [2**40, 0]))  # fmt: skip
    yield row("too-many-elements-empty", 19, (ValueError, ""), input=one, filters=(2, 2, 1, 0),
              padding=pad([2**40, 0], [2**40, 0]))  # fmt: skip

    nothing: dict[str, dict[str, Any]] = {
        # each would be refused if the output had an element
        "N=0": {"input": (0, 5, 7, 2)},
        "N=0-groups": {"input": (0, 5, 7, 4), "filters": (3, 3, 2, 5)},
        "N=0-fewer-than-groups": {"input": (0, 5, 7, 4), "filters": (3, 3, 1, 2)},
        "N=0-kh=0": {"input": (0, 5, 7, 2), "filters": (0, 3, 2, 4)},
        "co=0": {"filters": (3, 3, 2, 0)},
        "co=0-kh=0": {"filters": (0, 3, 2, 0)},
        "co=0-groups": {"input": (1, 5, 7, 4), "filters": (3, 3, 2, 0)},
        "o=0-groups": {"filters": (6, 1, 1, 5), "padding": "VALID"},
        "o=0-kw=0": {"filters": (6, 0, 2, 5), "padding": "VALID"},
        "H=0": {"input": (1, 0, 7, 2)},
        "H=0-kh=0": {"input": (1, 0, 7, 2), "filters": (0, 3, 2, 4)},
        "N=0-huge-padding": {"input": (0, 2, 2, 1), "filters": two, "padding": pad([2**40, 0])},
        "co=0-huge-padding": {"input": one, "filters": (2, 2, 1, 0), "strides": INT32_MAX,
                              "padding": pad([2**40, 0])},
    }  # fmt: skip
    shapes: list[Shape] = [
        (0, 5, 7, 4), (0, 5, 7, 5), (0, 5, 7, 2), (0, 5, 7, 4), (1, 5, 7, 0), (1, 5, 7, 0),
        (1, 5, 7, 0), (1, 0, 7, 5), (1, 0, 8, 5), (1, 0, 7, 4), (1, 0, 7, 4),
        (0, 2**40 + 1, 1, 1), (1, 513, 1, 0),
    ]  # fmt: skip
    for (name, arguments), shape in zip(nothing.items(), shapes, strict=True):
        yield row(f"no-output-{name}", 20, shape, **arguments)
    for dtype in DTYPES:
        yield row(f"no-output-{dtype}", 20, (0, 5, 7, 4), input=(0, 5, 7, 2), dtype=dtype)
    yield row("no-output-nchw", 20, (0, 4, 7, 2), input=(0, 5, 7, 2), filters=(3, 3, 5, 4),
              data_format="NCHW")  # fmt: skip
    yield row("no-output-negative", 18, refused("filters"), input=(0, 1, 7, 2), padding="VALID")
    yield row("no-output-in_channels", 17, refused("filters"), input=(0, 5, 7, 3))

    padded = pad([1, 2], [0, 1])
    zeros: dict[str, tuple[dict[str, Any], Shape]] = {
        "H=0": ({"input": (1, 0, 7, 2), "padding": padded}, (1, 1, 6, 4)),
        "W=0": ({"input": (1, 5, 0, 2), "padding": pad([0, 0], [2, 1])}, (1, 3, 1, 4)),
        "C=0-same": ({"input": (1, 5, 7, 0)}, (1, 5, 7, 4)),
        "C=0-valid": ({"input": (1, 5, 7, 0), "padding": "VALID"}, (1, 3, 5, 4)),
        "H=0-groups": ({"input": (1, 0, 7, 4), "filters": (3, 3, 2, 5), "padding": padded},
                       (1, 1, 6, 5)),
        "H=0-kh=0": ({"input": (1, 0, 7, 2), "filters": (0, 1, 2, 4), "padding": "VALID"},
                     (1, 1, 7, 4)),
        "C=0-kh=0": ({"input": (1, 5, 7, 0), "filters": (0, 3, 2, 4)}, (1, 5, 7, 4)),
        "H=0-huge-padding": ({"input": (1, 0, 2, 1), "filters": two, "strides": INT32_MAX,
                              "padding": pad([2**33, 0])}, (1, 5, 1, 1)),
        "nchw": ({"input": (1, 4, 0, 7), "filters": (3, 3, 4, 2), "data_format": "NCHW",
                  "padding": [none, none, [2, 1], none]}, (1, 2, 1, 5)),
        "nchw-C=0": ({"input": (1, 0, 5, 7), "data_format": "NCHW"}, (1, 4, 5, 7)),
    }  # fmt: skip
    for name, (arguments, shape) in zeros.items():
        yield row(f"no-input-{name}", 21, shape, **arguments)
    yield row("no-input-in_channels", 17, refused("filters"), input=(1, 0, 7, 3), padding=padded)

    most = INT32_MAX - 1
    for name, h, w in (
        ("before", [most, 0], none),
        ("after", [0, most], none),
        ("W", none, [most, 0]),
    ):
        more = pad([a + (a > 0) for a in h], [a + (a > 0) for a in w])
        yield row(f"padding-{name}-2**31-2", 23, (1, 1, 1, 1), input=one, filters=two,
                  strides=INT32_MAX, padding=pad(h, w))  # fmt: skip
        yield row(f"padding-{name}-2**31-1", 23, refused("padding"), input=one, filters=two,
                  strides=INT32_MAX, padding=more)  # fmt: skip
    yield row("padding-2**33", 23, refused("padding"), input=one, filters=two, strides=INT32_MAX,
              padding=pad([2**33, 0]))  # fmt: skip

    yield row("kernel-1", 24, (1, 5, 7, 4), filters=(1, 1, 2, 4))
    for label, filters in {"kh": (0, 3, 2, 4), "kw": (3, 0, 2, 4), "both": (0, 0, 2, 4)}.items():
        for way in ("SAME", "VALID"):
            yield row(f"{label}=0-{way}", 24, refused("filters"), filters=filters, padding=way)

    for c, ci, co in ((4, 2, 6), (4, 1, 4), (4, 1, 8), (6, 3, 2)):
        yield row(f"groups-{c},{ci},{co}", 25, (1, 5, 7, co), input=(1, 5, 7, c),
                  filters=(3, 3, ci, co))  # fmt: skip
        yield row(f"groups-{c},{ci},{co + 1}", 25, refused("filters"), input=(1, 5, 7, c),
                  filters=(3, 3, ci, co + 1))  # fmt: skip
    yield row("groups-4,1,2", 25, refused("filters"), input=(1, 5, 7, 4), filters=(3, 3, 1, 2))
    yield row("groups-6,2,1", 25, refused("filters"), input=(1, 5, 7, 6), filters=(3, 3, 2, 1))


PARTS = (signature, integers, padding, data_format, dtypes, ranks, sizes)

ROWS: tuple[Row, ...] = tuple(sorted((r for part in PARTS for r in part()), key=lambda r: r.rule))

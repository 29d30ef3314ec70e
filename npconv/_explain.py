"""What a call does, in numbers: sizes, pads, cost, and the call that says the same to PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from html import escape
from inspect import signature
from math import prod
from operator import index
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconv._arguments import check, check_out, read_shapes
from npconv._attributes import Array, Format, Pads, Precision, Shape, Steps, read_precision
from npconv._checking import Known, check_call
from npconv._conv2d import conv2d
from npconv._depthwise import check_pointwise
from npconv._drawing import draw
from npconv._engine import depthwise, im2col
from npconv._engine.multiply import describe
from npconv._geometry import Geometry
from npconv._gradients import folded, sums_are_less
from npconv._hints import hinting, known
from npconv._operation import CONV2D, OPERATIONS, POINTWISE, Operation
from npconv._phases import apart, by_dilation, by_stride
from npconv._pytorch import torch_call

_FLOAT_BITS = "for any number of threads; other BLAS kernels, NumPys or batch sizes may differ"
_MOST_SHOWN = 6  # kinds of taps
_SIDES = "front", "back", "top", "bottom", "left", "right"


class Explanation(NamedTuple):
    """What a call does: text to be read, and in a notebook a picture above it.

    Attributes
    ----------
    output_shape : tuple of int
        The result's.
    pads, patches_shape : tuple of int
        Pads are (top, bottom, left, right), in pixels of zeros, or as many as there are axes; the
        patches matrix, which is never stored whole, is (N * OH * OW, KH * KW * C). Of a gradient,
        these and the groups are of the convolution whose gradient it is.
    groups : int
        The input's channels / the filters' in_channels: TensorFlow takes a mismatch for groups.
    note : str
        How these shapes could have been meant to have another number of groups.
    multiply_adds : int
        Products that are added up, those with padding among them.
    scratch_bytes, thread_bytes : int or None
        Memory beyond the arguments and the result, at the most but for some kilobytes of Python's
        and NumPy's own, where these are C-contiguous and of one dtype: on as many threads as
        ``get_num_threads`` says, and on one. Buffers of tiles, up to 4 MiB, stay for the next call.
        None for gradients.
    algorithm, tiles, bits : str
        How the engine goes about it, what it computes at once, and where the result is the same to
        the last bit.
    becomes : str
        Which convolutions the engine computes; nothing where it is just the one of ``conv2d``.
    torch_call : str
        What computes the same from tensors of these shapes; ``F`` is ``torch.nn.functional``.
    geometry : Geometry
        What is drawn: of the convolution, or of the one whose gradient it is.
    images : int
        How many of them.
    """

    output_shape: Shape
    pads: Shape
    groups: int
    note: str
    patches_shape: tuple[int, int]
    multiply_adds: int
    scratch_bytes: int | None
    thread_bytes: int | None
    algorithm: str
    tiles: str
    bits: str
    becomes: str
    torch_call: str
    geometry: Geometry
    images: int

    def __repr__(self) -> str:
        sides = zip(_SIDES[-len(self.pads) :], self.pads, strict=True)
        memory = "" if self.thread_bytes is None else f"{self.thread_bytes / 2**20:.2f} MiB"
        rows, columns = self.patches_shape
        channels = self.geometry.filter_channels
        lines = {
            "output": self.output_shape,
            "padding": ", ".join(f"{side} {pad}" for side, pad in sides),
            "groups": f"{self.groups} of {channels} channels{self.note and f'; {self.note}'}",
            "patches": f"{rows} x {columns}",
            "multiply-adds": f"{self.multiply_adds:,}",
            "becomes": self.becomes,
            "scratch": memory and f"at most {memory} on one thread",
            "algorithm": self.algorithm,
            "tiles": self.tiles,
            "same bits": self.bits,
            "PyTorch": self.torch_call,
        }
        return "\n".join(f"{name:<15}{value}" for name, value in lines.items() if value)

    def _repr_html_(self) -> str:
        picture = draw(self.geometry, self.images)
        return f"<div>{picture}<pre>{escape(repr(self))}</pre></div>"


@overload
def explain(
    input: ArrayLike, filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = None, name: object = None,
    *, out: Array | None = None, precision: Precision = "standard",
    dtype: DTypeLike | None = None,
) -> Explanation: ...  # fmt: skip
@overload
def explain(
    function: Callable[..., Array], /, *arguments: Any,
    out: Array | None = None, dtype: DTypeLike | None = None, **named: Any,
) -> Explanation: ...  # fmt: skip
def explain(*arguments: Any, dtype: DTypeLike | None = None, **named: Any) -> Explanation:
    """Say what ``conv2d``, or a function of its family, would do, without doing it.

    Parameters
    ----------
    *arguments, **named
        Those of ``conv2d``; or a function of its family, then its arguments. In place of an array,
        just its shape.
    dtype : dtype, optional
        Of the array that decides that of the result. Default: its own, or float32 for a shape.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError, ValueError
        If the function would raise them for such arrays.

    Examples
    --------
    The odd row and column of zeros that SAME adds at stride 2, at the bottom and right:

    >>> import npconv
    >>> npconv.explain((1, 224, 224, 3), (7, 7, 3, 64), 2, "SAME")  # doctest: +ELLIPSIS
    output         (1, 112, 112, 64)
    padding        top 2, bottom 3, left 2, right 3
    groups         1 of 3 channels
    patches        12544 x 147
    multiply-adds  118,013,952
    ...
    PyTorch        F.conv2d(F.pad(input.permute(0, 3, 1, 2), (2, 3, 2, 3)), \
filters.permute(3, 2, 0, 1), stride=(2, 2)).permute(0, 2, 3, 1)

    >>> shapes = (1, 7, 7, 8), (3, 3, 4, 8), (1, 14, 14, 4)
    >>> npconv.explain(npconv.conv2d_transpose, *shapes, strides=2).becomes
    '4 stride-1 convolutions of the gradient, taps 2x2, 2x1, 1x2, 1x1'
    """
    function, operation, arguments = which(arguments)
    form = partial(_form, operation, _dtype(operation, dtype, (*arguments, *named.values())))

    def told(*arguments: Any, dtype: Any = None, **named: Any) -> Explanation:
        for name in named:
            if name not in own.parameters:
                raise TypeError(f"explain() got an unexpected keyword argument {name!r}")
        bound = own.bind(*arguments, **named)
        bound.apply_defaults()
        return _explained(operation, bound.arguments, form, dtype)

    own = told.__signature__ = signature(function)  # type: ignore[attr-defined]
    told.__name__ = operation.name
    if operation.gives == "output":
        told = hinting(told, form)
    return told(*arguments, dtype=dtype, **named)


def which(arguments: tuple[Any, ...]) -> tuple[Any, Operation, tuple[Any, ...]]:
    """Return the function that is meant, ``conv2d`` unless it comes first, and its arguments."""
    function: Any = conv2d
    if arguments and callable(arguments[0]):
        function, *arguments = arguments  # type: ignore[assignment]
    operation = OPERATIONS.get(getattr(function, "__name__", ""))
    if operation is None:
        names = ", ".join(OPERATIONS)
        raise TypeError(f"function: expected one of {names}, received {function!r}")
    return function, operation, tuple(arguments)


def _dtype(operation: Operation, asked: Any, values: Iterable[Any]) -> np.dtype[Any]:
    """Return the dtype of an array that only its shape stands for."""
    arrays = (one.dtype for one in values if isinstance(one, np.ndarray) and operation.alike)
    try:
        return np.dtype(next(arrays, np.float32) if asked is None else asked)
    except TypeError as error:
        raise TypeError(f"dtype: {error}") from error


def _form(operation: Operation, dtype: np.dtype[Any], name: str, value: Any) -> Known:
    """Return shape and dtype of an array, or of one that only its shape stands for."""
    listed = isinstance(value, (tuple, list))
    if not (listed and all(hasattr(one, "__index__") for one in value)):
        shape, own = known(name, value)
        return shape, dtype if listed and operation.alike else own
    shape = tuple(index(size) for size in value)
    if min(shape, default=0) < 0:
        raise ValueError(f"{name}: a shape must not be negative, received {shape}")
    decides = operation.alike or name == operation.arrays[0]
    return shape, dtype if decides else np.dtype(bool)  # which casts to any


def _explained(
    operation: Operation, given: Mapping[str, Any], form: Callable[..., Known], asked: Any
) -> Explanation:
    """Explain a call whose arguments are `given` by their names."""
    forward, names = operation.gives == "output", [*operation.arrays]
    known, other = (form(name, given[name]) for name in names)
    if asked is not None:
        known = known[0], np.dtype(asked)
    source = "" if asked is None else "dtype"
    dtype, geometry, shape, layout = check_call(operation, given, known, other, source)
    images = shape if operation.gives == "input" else known[0]
    batch, positions = prod(images[: -1 - len(geometry.axes)]), prod(geometry.outputs)
    torch, between = torch_call(operation, geometry, images, layout), 0
    becomes, parts, sums, algorithm = "", [geometry], 0, ""
    if all(map(prod, (shape, known[0], other[0]))):
        becomes, parts, sums, algorithm = _becomes(operation, geometry, batch)
    empty = not sums
    if operation.name == "separable_conv2d":
        names.append("pointwise_filter")
        points = form(names[2], given[names[2]])
        check_pointwise(points[0])
        _, mixing, mixed, _ = check(POINTWISE, shape, dtype, *points, 1, "VALID", layout, 1)
        becomes += f", rounded, then conv2d with {names[2]}"
        torch = torch_call(POINTWISE._replace(input=torch, filters=names[2]), mixing, shape, layout)
        parts, sums = [*parts, mixing], sums + batch * positions * prod(points[0])
        empty = empty or not prod(points[0])
        shape, between = mixed, 0 if empty else prod(shape) * dtype.itemsize
    if (out := given.get("out")) is not None:
        check_out(out, shape, dtype, {name: np.asarray(given[name]) for name in names})
    # Only a convolution that is computed as a whole may take another algorithm.
    fast = read_precision(given["precision"]) == "fast" and forward
    fast = fast and len(parts) == 1 and not operation.depthwise
    said = [describe(part, batch, dtype, fast=fast) for part in parts if not empty]
    algorithm = algorithm or ", ".join(dict.fromkeys(one[0] for one in said))
    tiles, bits = said[0][1] if said else "", _FLOAT_BITS if dtype.kind != "i" else "always"
    if operation.phased and apart(geometry):
        torch = "none: its strides do not count in each phase of a dilation"
    if empty:
        algorithm, tiles, bits, becomes = "none", "nothing to multiply", "always", ""
        torch = "none: the result is empty or zero, which PyTorch does not always accept"
    thread = between + max((one[2] for one in said), default=0) if forward else None
    scratch = between + max((one[3] for one in said), default=0) if forward else None
    return Explanation(
        shape, tuple(pad for axis in geometry.axes for pad in axis[4:6]), geometry.groups,
        _note(geometry, known[0], other[0], given) if operation is CONV2D else "",
        (batch * positions, prod(geometry.kernel) * geometry.in_channels), 0 if empty else sums,
        scratch, thread, algorithm, tiles, bits, becomes, torch,
        parts[0] if forward else geometry, batch,
    )  # fmt: skip


def _becomes(
    operation: Operation, geometry: Geometry, batch: int
) -> tuple[str, list[Geometry], int, str]:
    """Say which convolutions a call becomes, one of each kind, and how many multiply-adds.

    Where it becomes none, the name of the algorithm is last.
    """
    if operation.phased and apart(geometry):
        parts = [part.geometry for part in by_dilation(geometry)]
        what = "convolutions" if operation.gives == "output" else "gradients"
        sums = batch * sum(prod(one.outputs) * one.terms * one.out_channels for one in parts)
        text = f"{len(parts)} {what}, one for each phase of the dilations"
        return text, list(dict.fromkeys(parts)), sums, ""
    whole = batch * prod(geometry.outputs) * geometry.terms * geometry.out_channels
    if operation.gives == "filters":
        name = depthwise.NAME if depthwise.admits(geometry) else im2col.NAME
        return "the patches matrix, transposed, times the gradient", [], whole, name
    text, parts = "", [geometry]
    if operation.gives == "input":
        geometry = folded(geometry)
        phases = by_stride(geometry)
        if sums_are_less(geometry, batch, phases):
            text = f"the gradient times all {prod(geometry.kernel)} taps, added up where they meet"
            return text, [], whole, im2col.NAME
        parts = [part.geometry for part in phases]
        taps = list(dict.fromkeys("x".join(map(str, part.kernel)) for part in parts))
        shown = ", ".join(taps[:_MOST_SHOWN]) + ", ..." * (len(taps) > _MOST_SHOWN)
        plural = "s" * (len(parts) != 1)
        text = f"{len(parts)} stride-1 convolution{plural} of the gradient, taps {shown}"
    elif operation.depthwise:
        shape = *geometry.kernel, 1, geometry.out_channels
        text = f"conv2d with {operation.filters}.reshape{shape}"
    sums = batch * sum(prod(one.outputs) * one.terms * one.out_channels for one in parts)
    return text, list(dict.fromkeys(parts)), sums, ""


def _note(
    geometry: Geometry, input_shape: Shape, filters_shape: Shape, given: Mapping[str, Any]
) -> str:
    """Say which other number of groups these shapes could have been meant to have."""
    strides, padding, data_format, dilations = CONV2D.attributes(given)
    taps, channels = prod(filters_shape[:2]), geometry.in_channels
    if geometry.groups > 1:
        other = "NHWC" if data_format == "NCHW" else "NCHW"
        call = strides, padding, other, dilations
        with suppress(TypeError, ValueError):
            meant = read_shapes(CONV2D, input_shape, filters_shape, *call)
            return f"1 with data_format={other!r}" if meant[0].groups == 1 else ""
    elif taps > 1 and channels > 1 and geometry.out_channels == 1:
        depthwise = f"filters.reshape{(*filters_shape[:2], 1, channels)}"
        return f"{channels} with {depthwise}, as tf.nn.depthwise_conv2d has it"
    return ""

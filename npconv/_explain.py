"""What a call does, in numbers: sizes, pads, cost, and the call that says the same to PyTorch."""

from __future__ import annotations

from contextlib import suppress
from html import escape
from math import prod
from operator import index
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from npconv._arguments import check, check_out, read_shapes
from npconv._attributes import Array, Format, Pads, Shape, Steps
from npconv._drawing import draw
from npconv._engine.multiply import describe
from npconv._geometry import Geometry
from npconv._hints import hinting, known
from npconv._operation import CONV2D

_FLOAT_BITS = "for any number of threads; other BLAS kernels, NumPys or batch sizes may differ"


class Explanation(NamedTuple):
    """What a call of ``conv2d`` does: text to be read, and in a notebook a picture above it.

    Attributes
    ----------
    output_shape, pads, patches_shape : tuple of int
        Pads are (top, bottom, left, right), in pixels of zeros; the patches matrix, which is never
        stored whole, is (N * OH * OW, KH * KW * C).
    groups : int
        The input's channels / the filters' in_channels: TensorFlow takes a mismatch for groups.
    note : str
        How these shapes could have been meant to have another number of groups.
    multiply_adds : int
        Products that are added up, those with padding among them.
    scratch_bytes, thread_bytes : int
        Memory beyond the arguments and the result, at the most but for some kilobytes of Python's
        and NumPy's own, where these are C-contiguous and of one dtype: on as many threads as
        ``get_num_threads`` says, and on one. Buffers of tiles, up to 4 MiB, stay for the next call.
    algorithm, tiles, bits : str
        How the engine goes about it, what it computes at once, and where the result is the same to
        the last bit.
    torch_call : str
        What computes the same from tensors of these shapes; ``F`` is ``torch.nn.functional``.
    geometry : Geometry
        What is drawn.
    """

    output_shape: Shape
    pads: tuple[int, int, int, int]
    groups: int
    note: str
    patches_shape: tuple[int, int]
    multiply_adds: int
    scratch_bytes: int
    thread_bytes: int
    algorithm: str
    tiles: str
    bits: str
    torch_call: str
    geometry: Geometry

    def __repr__(self) -> str:
        top, bottom, left, right = self.pads
        rows, columns = self.patches_shape
        channels = self.geometry.filter_channels
        lines = {
            "output": self.output_shape,
            "padding": f"top {top}, bottom {bottom}, left {left}, right {right}",
            "groups": f"{self.groups} of {channels} channels{self.note and f'; {self.note}'}",
            "patches": f"{rows} x {columns}",
            "multiply-adds": f"{self.multiply_adds:,}",
            "scratch": f"at most {self.thread_bytes / 2**20:.2f} MiB on one thread",
            "algorithm": self.algorithm,
            "tiles": self.tiles,
            "same bits": self.bits,
            "PyTorch": self.torch_call,
        }
        return "\n".join(f"{name:<15}{value}" for name, value in lines.items())

    def _repr_html_(self) -> str:
        picture = draw(self.geometry, prod(self.output_shape[:-3]))
        return f"<div>{picture}<pre>{escape(repr(self))}</pre></div>"


def _known(name: str, value: Any) -> tuple[Shape, np.dtype[Any]]:
    """Return what is known of an array, or of one that only its shape stands for."""
    if isinstance(value, (tuple, list)) and all(hasattr(size, "__index__") for size in value):
        shape = tuple(index(size) for size in value)
        if min(shape, default=0) < 0:
            raise ValueError(f"{name}: a shape must not be negative, received {shape}")
        return shape, np.dtype(np.float32 if name == "input" else bool)  # bool casts to any
    return known(name, value)


@hinting(CONV2D, _known)
def explain(
    input: ArrayLike, filters: ArrayLike, strides: Steps, padding: Pads,
    data_format: Format | None = "NHWC", dilations: Steps = None, name: object = None,
    *, out: Array | None = None, dtype: DTypeLike | None = None,
) -> Explanation:  # fmt: skip
    """Say what ``conv2d`` would do with these arguments, without doing it.

    Parameters
    ----------
    input, filters : array_like or tuple of int
        As for ``conv2d``, or just their shapes.
    strides, padding, data_format, dilations, name, out
        As for ``conv2d``.
    dtype : dtype, optional
        Of the input. Default: that of `input` where it is an array, otherwise float32.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError, ValueError
        If ``conv2d`` would raise them for such arrays.

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
    """
    input_shape, input_dtype = _known("input", input)
    filters_shape, filters_dtype = _known("filters", filters)
    try:
        asked = input_dtype if dtype is None else np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype: {error}") from error
    arrays = input_shape, asked, filters_shape, filters_dtype
    attributes = strides, padding, data_format, dilations
    source = "" if dtype is None else "dtype"
    checked, geometry, output_shape, layout = check(CONV2D, *arrays, *attributes, source=source)
    if out is not None:
        inputs = {"input": np.asarray(input), "filters": np.asarray(filters)}
        check_out(out, output_shape, checked, inputs)
    rows, columns = geometry.axes
    batch = prod(input_shape[:-3])
    positions, taps = batch * rows.outputs * columns.outputs, rows.kernel * columns.kernel
    sums, algorithm, tiles, thread, scratch, bits = 0, "none", "nothing to multiply", 0, 0, "always"
    torch_call = "none: the result is empty or zero, which PyTorch does not always accept"
    if prod(output_shape) and prod(input_shape):
        sums = positions * taps * geometry.filter_channels * geometry.out_channels
        algorithm, tiles, thread, scratch = describe(geometry, batch, checked)
        bits = "always" if checked.kind == "i" else _FLOAT_BITS
        torch_call = _torch_call(geometry, input_shape, layout)
    return Explanation(
        output_shape, (rows.before, rows.after, columns.before, columns.after), geometry.groups,
        _note(geometry, input_shape, filters_shape, *attributes),
        (positions, taps * geometry.in_channels), sums, scratch, thread,
        algorithm, tiles, bits, torch_call, geometry,
    )  # fmt: skip


def _note(geometry: Geometry, input_shape: Shape, filters_shape: Shape, *attributes: Any) -> str:
    """Say which other number of groups these shapes could have been meant to have."""
    strides, padding, data_format, dilations = attributes
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


def _torch_call(geometry: Geometry, input_shape: Shape, data_format: str) -> str:
    rows, columns = geometry.axes
    lead = len(input_shape) - 3
    there, back = ".permute(0, 3, 1, 2)", ".permute(0, 2, 3, 1)"
    if data_format == "NCHW":
        there = back = ""
    image = ("input" if lead == 1 else f"input.flatten(0, {lead - 1})") + there
    options = ""
    if (rows.before, columns.before) != (rows.after, columns.after):
        pads = (columns.before, columns.after, rows.before, rows.after)  # the last axis first
        image = f"F.pad({image}, {pads})"
    elif rows.before or columns.before:
        options += f", padding={(rows.before, columns.before)}"
    for name in ("stride", "dilation"):
        steps = getattr(rows, name), getattr(columns, name)
        options += f", {name}={steps}" if steps != (1, 1) else ""
    if geometry.groups != 1:
        options += f", groups={geometry.groups}"
    call = f"F.conv2d({image}, filters.permute(3, 2, 0, 1){options}){back}"
    return call if lead == 1 else f"{call}.unflatten(0, {input_shape[:-3]})"

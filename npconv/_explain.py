"""What a call does, in numbers: sizes, pads, cost, and the call that says the same to PyTorch."""

from __future__ import annotations

from math import prod
from operator import index
from typing import Any, NamedTuple

import numpy as np

from npconv._arguments import check_cast, read_array, read_dtype, read_shapes
from npconv._engine.multiply import describe
from npconv._geometry import Geometry
from npconv._shapes import check_bytes

Shape = tuple[int, ...]


class Explanation(NamedTuple):
    """What a call of ``conv2d`` does; its ``str`` is meant to be read.

    Attributes
    ----------
    output_shape : tuple of int
    pads : tuple of int
        (top, bottom, left, right), in pixels of zeros.
    patches_shape : tuple of int
        (N * OH * OW, KH * KW * C), of the matrix that is multiplied but never stored whole.
    multiply_adds : int
        Products that are added up, those with padding among them.
    scratch_bytes : int
        Memory that the call takes beyond its arguments and its result, at the most but for some
        kilobytes of Python's and NumPy's own, where these are C-contiguous and of one dtype; on
        as many threads as ``get_num_threads`` says. Buffers of up to 2 MiB, of tiles, are kept for
        the next call.
    thread_bytes : int
        The same on one thread.
    algorithm : str
        How the engine goes about it, in tiles cut for this machine's cores.
    torch_call : str
        The expression, with ``F`` for ``torch.nn.functional``, that computes the same from
        tensors of the same shapes.
    """

    output_shape: Shape
    pads: tuple[int, int, int, int]
    patches_shape: tuple[int, int]
    multiply_adds: int
    scratch_bytes: int
    thread_bytes: int
    algorithm: str
    torch_call: str

    def __str__(self) -> str:
        top, bottom, left, right = self.pads
        rows, columns = self.patches_shape
        return "\n".join(
            (
                f"output         {self.output_shape}",
                f"padding        top {top}, bottom {bottom}, left {left}, right {right}",
                f"patches        {rows} x {columns}",
                f"multiply-adds  {self.multiply_adds:,}",
                f"scratch        at most {self.thread_bytes / 2**20:.2f} MiB on one thread",
                f"algorithm      {self.algorithm}",
                f"PyTorch        {self.torch_call}",
            )
        )


def explain(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: Any = "NHWC",
    dilations: Any = None,
    *,
    dtype: Any = None,
) -> Explanation:
    """Say what ``conv2d`` would do with these arguments, without doing it.

    Parameters
    ----------
    input, filters : array_like or tuple of int
        As for ``conv2d``, or just their shapes.
    strides, padding, data_format, dilations
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
    >>> print(npconv.explain((1, 224, 224, 3), (7, 7, 3, 64), 2, "SAME"))
    output         (1, 112, 112, 64)
    padding        top 2, bottom 3, left 2, right 3
    patches        12544 x 147
    multiply-adds  118,013,952
    scratch        at most 2.68 MiB on one thread
    algorithm      tiles: 1 x 28 x 112 outputs at once
    PyTorch        F.conv2d(F.pad(input.permute(0, 3, 1, 2), (2, 3, 2, 3)), \
filters.permute(3, 2, 0, 1), stride=(2, 2)).permute(0, 2, 3, 1)
    """
    input_shape, input_dtype = _shape_and_dtype("input", input)
    filters_shape, filters_dtype = _shape_and_dtype("filters", filters)
    if dtype is not None:
        try:
            input_dtype = np.dtype(dtype)
        except TypeError as error:
            raise TypeError(f"dtype: {error}") from error
    name = "input" if dtype is None else "dtype"
    checked = read_dtype(name, input_dtype or np.dtype(np.float32))
    check_cast(filters_dtype or checked, checked)
    geometry, output_shape, layout = read_shapes(
        input_shape, filters_shape, strides, padding, data_format, dilations
    )
    check_bytes("input, filters, padding", output_shape, checked)
    rows, columns = geometry.axes
    batch = prod(input_shape[:-3])
    positions = batch * rows.outputs * columns.outputs
    taps = rows.kernel * columns.kernel
    nothing = not prod(output_shape) or not prod(input_shape)
    if nothing:
        algorithm, scratch, thread = "nothing to multiply", 0, 0
        torch_call = "none: the result is empty or zero, which PyTorch does not always accept"
    else:
        algorithm, tiles, thread, scratch = describe(geometry, batch, checked)
        algorithm += f": {tiles}"
        torch_call = _torch_call(geometry, input_shape, layout)
    return Explanation(
        output_shape,
        (rows.before, rows.after, columns.before, columns.after),
        (positions, taps * geometry.in_channels),
        0 if nothing else positions * taps * geometry.filter_channels * geometry.out_channels,
        scratch,
        thread,
        algorithm,
        torch_call,
    )


def _shape_and_dtype(name: str, value: Any) -> tuple[Shape, np.dtype[Any] | None]:
    """Return what is known of an array, or of one that only its shape stands for."""
    if isinstance(value, (tuple, list)) and all(hasattr(size, "__index__") for size in value):
        shape = tuple(index(size) for size in value)
        if min(shape, default=0) < 0:
            raise ValueError(f"{name}: a shape must not be negative, received {shape}")
        return shape, None
    array = read_array(name, value)
    return array.shape, array.dtype


def _torch_call(geometry: Geometry, input_shape: Shape, data_format: str) -> str:
    rows, columns = geometry.axes
    lead = len(input_shape) - 3
    image = "input" if lead == 1 else f"input.flatten(0, {lead - 1})"
    if data_format == "NHWC":
        image += ".permute(0, 3, 1, 2)"
    options = ""
    if (rows.before, columns.before) != (rows.after, columns.after):
        # F.pad names the last axis first.
        pads = (columns.before, columns.after, rows.before, rows.after)
        image = f"F.pad({image}, {pads})"
    elif rows.before or columns.before:
        options += f", padding={(rows.before, columns.before)}"
    if (rows.stride, columns.stride) != (1, 1):
        options += f", stride={(rows.stride, columns.stride)}"
    if (rows.dilation, columns.dilation) != (1, 1):
        options += f", dilation={(rows.dilation, columns.dilation)}"
    if geometry.groups != 1:
        options += f", groups={geometry.groups}"
    call = f"F.conv2d({image}, filters.permute(3, 2, 0, 1){options})"
    if data_format == "NHWC":
        call += ".permute(0, 2, 3, 1)"
    return call if lead == 1 else f"{call}.unflatten(0, {input_shape[:-3]})"

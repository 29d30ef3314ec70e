"""Arguments -> normalised values, by the rules of ``tf.nn.conv2d`` on a CPU without oneDNN.

All sizes are checked in exact integers before any memory is taken.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._attributes import Array, Format, Shape, read_attributes, read_mode, read_quad, show
from npconv._geometry import Axis, Geometry, merged
from npconv._shapes import check_bytes, check_outputs, resolve, wrong_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DTYPES = {(dtype.kind, dtype.itemsize): dtype for dtype in map(np.dtype, ("f2", "f4", "f8", "i4"))}
_DTYPE_NAMES = "float16, bfloat16, float32, float64 or int32"


class Call(NamedTuple):
    """A checked call: what is multiplied, by which geometry, and where the result goes."""

    batches: Iterable[tuple[Array, Array]]  # NHWC views of input and `out`, if there is any to do
    filters: Array
    geometry: Geometry
    out: Array


def read_call(
    input: Any, filters: Any, strides: Any, padding: Any, data_format: Any, dilations: Any, out: Any
) -> Call:
    """Check the arguments of ``conv2d`` and bring them into one form."""
    images = input if type(input) is np.ndarray else read_array("input", input)
    kernels = filters if type(filters) is np.ndarray else read_array("filters", filters)
    arrays = (images.shape, images.dtype, kernels.shape, kernels.dtype)
    attributes = (strides, padding, data_format, dilations)
    key = (arrays, _key(attributes))
    checked = _checked.get(key)
    if checked is None:
        checked = check(*arrays, *attributes)
        if key[1] is not _Unknown:
            if len(_checked) >= _MOST_CHECKED:
                _checked.clear()
            _checked[key] = checked
    dtype, geometry, out_shape, layout = checked
    if out is None:
        out = result = np.empty(out_shape, dtype)
    else:
        check_out(out, out_shape, dtype, images, kernels)
        result = out.view(np.ndarray)
    if kernels.dtype != dtype:
        with np.errstate(all="ignore"):  # as there: a filter too large for the dtype becomes inf
            kernels = kernels.astype(dtype)
    if not images.size or not out.size:  # nothing is read: where TensorFlow gives any, it is zeros
        result[...] = 0
        return Call((), kernels, geometry, out)
    batches: Iterable[tuple[Array, Array]] = ((images, result),)
    if images.ndim > 4:
        batches = _fold(images, result)
    if layout == "NCHW":
        batches = ((x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)) for x, y in batches)
    return Call(batches, kernels, geometry, out)


class _Unknown:
    """Stands for an attribute by which no call is remembered."""


_MOST_CHECKED = 1024
_ALIKE = {int, str, type(None)}
_checked: dict[tuple[Any, ...], tuple[np.dtype[Any], Geometry, Shape, Format]] = {}


def _key(value: Any) -> Any:
    """Return what stands for an attribute: nothing equal to it is read in another way.

    1 equals True and 1.0, which are not read alike; so just ints, strings and None are known.

    >>> _key([1, 2]) == _key([1, 2]), _key([1, 2]) == _key((1, 2)), _key(True) is _Unknown
    (True, False, True)
    """
    kind = type(value)
    if kind in _ALIKE:
        return value
    if (kind is list or kind is tuple) and len(value) <= 4:
        if {*map(type, value)} <= _ALIKE:
            return (kind, *value)
        parts = (kind, *map(_key, value))
        return _Unknown if _Unknown in parts else parts
    return _Unknown


def check(
    input_shape: Shape,
    input_dtype: np.dtype[Any],
    filters_shape: Shape,
    filters_dtype: np.dtype[Any],
    *attributes: Any,
    source: str = "input",
) -> tuple[np.dtype[Any], Geometry, Shape, Format]:
    """Check all but the memory; return the result's dtype, geometry, shape and the data_format."""
    dtype = read_dtype(source, input_dtype)
    check_cast(filters_dtype, dtype)
    geometry, out_shape, layout = read_shapes(input_shape, filters_shape, *attributes)
    check_bytes("input, filters, padding", out_shape, dtype)
    return dtype, geometry, out_shape, layout


def read_shapes(
    input_shape: Shape, filters_shape: Shape, *attributes: Any
) -> tuple[Geometry, Shape, Format]:
    """Check shapes and attributes; return the geometry, the result's shape and the data_format."""
    read = read_attributes(*attributes)
    return *resolve(input_shape, filters_shape, *read), read[2]


def read_patches_call(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: Any
) -> tuple[Array, Geometry, Array]:
    """Check the arguments of ``extract_patches``; return its images, geometry and result to be."""
    array = read_array("images", images)
    dtype = read_dtype("images", array.dtype)
    if array.ndim != 4:
        raise wrong_shape("images: expected four dimensions (N, H, W, C)", array.shape)
    given = {"sizes": sizes, "strides": strides, "rates": rates}
    kernel, steps, spacing = (read_quad(name, value) for name, value in given.items())
    mode = read_mode(padding, "'SAME' or 'VALID'")
    if mode is None:
        raise TypeError(f"padding: expected 'SAME' or 'VALID', received {show(padding)}")
    batch, rows, columns, channels = array.shape
    axes = tuple(
        Axis.resolve(*axis, mode)
        for axis in zip((rows, columns), kernel, steps, spacing, strict=True)
    )
    geometry = Geometry(axes, channels, channels, 1)  # any number: nothing is multiplied
    check_outputs(geometry, f"sizes: {show(sizes)}")
    shape = (batch, *geometry.outputs, prod(kernel) * channels)
    check_bytes("images, sizes", shape, dtype)
    return array, geometry, np.empty(shape, dtype)


def read_array(name: str, value: Any) -> Array:
    """Return `value` as a plain array, unlike a list of lists of different lengths."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name}: {error} Received {show(value)}") from error


def read_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the result, in native byte order, if TensorFlow's conv2d takes it."""
    native = _DTYPES.get((dtype.kind, dtype.itemsize))
    if native is not None:
        return native
    if dtype.kind == "V" and dtype.itemsize == 2 and dtype.name == "bfloat16":
        return dtype.newbyteorder("=")
    raise TypeError(f"{name}: expected dtype {_DTYPE_NAMES}, received {dtype}")


def check_cast(filters: np.dtype[Any], dtype: np.dtype[Any]) -> None:
    """Check that the filters cast to the dtype of the input within the same kind."""
    kind: str = filters.kind
    if kind == "V":  # bfloat16 and its like
        number = next((to for to in ("i4", "f4") if np.can_cast(filters, to)), kind)
        kind = number[0]
    if kind not in ("bui" if dtype.kind == "i" else "buif"):
        form = f"dtype {dtype} as the input's, or one that casts to it within the same kind"
        raise TypeError(f"filters: expected {form}, received {filters}")


def check_out(out: Any, shape: Shape, dtype: np.dtype[Any], *inputs: Array) -> None:
    """Check that a result can be written to `out`."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out: expected an ndarray, received {type(out).__name__}")
    if out.dtype.newbyteorder("=") != dtype:
        raise TypeError(f"out: expected dtype {dtype}, received {out.dtype}")
    if out.shape != shape:
        raise ValueError(f"out: expected shape {shape}, received {out.shape}")
    if not out.flags.writeable:
        raise ValueError("out: expected a writeable array, received a read-only one")
    if out.size and not out.flags.c_contiguous:
        # Sufficient for distinct elements: each stride steps over all that the smaller ones span.
        span = out.itemsize
        for stride, size in sorted(zip(map(abs, out.strides), out.shape, strict=True)):
            if size > 1 and stride < span:
                got = f"{out.strides} for shape {out.shape}"
                raise ValueError(f"out: expected strides that keep elements apart, received {got}")
            span += stride * (size - 1)
    for name, array in zip(("input", "filters"), inputs, strict=True):
        try:
            apart = not np.shares_memory(out, array, max_work=100_000)  # type: ignore[arg-type]
        except np.exceptions.TooHardError:
            apart = False
        if not apart:
            raise ValueError(f"out: expected memory of its own, received some of that of {name}")


def _fold(images: Array, out: Array) -> Iterator[tuple[Array, Array]]:
    """Fold leading dimensions into the batch, or walk along them where folding would copy."""
    if images.ndim == 4:
        yield images, out
    elif all(merged(x.shape[:-3], x.strides[:-3]) is not None for x in (images, out)):
        yield images.reshape(-1, *images.shape[-3:]), out.reshape(-1, *out.shape[-3:])
    else:
        for one_images, one_out in zip(images, out, strict=True):
            yield from _fold(one_images, one_out)

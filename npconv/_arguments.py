"""Arguments -> normalised values, by the rules of ``tf.nn`` on a CPU without oneDNN.

All sizes are checked in exact integers before any memory is taken.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npconv._attributes import Array, Layout, Shape, read_attributes, read_mode, read_quad, show
from npconv._geometry import Axis, Geometry, merged
from npconv._operation import Operation
from npconv._shapes import check_bytes, check_outputs, resolve, wrong_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DTYPES = {(dtype.kind, dtype.itemsize): dtype for dtype in map(np.dtype, ("f2", "f4", "f8", "i4"))}
_DTYPE_NAMES = "float16, bfloat16, float32, float64 or int32"


class Call(NamedTuple):
    """A checked call: what is multiplied, by which geometry, and where the result goes."""

    # Views of input and `out`, (N, *axes, C), if there is any to do.
    batches: Iterable[tuple[Array, Array]]
    filters: Array
    geometry: Geometry
    out: Array


Checked = tuple[np.dtype[Any], Geometry, Shape, Layout]
"""Of a call: the result's dtype, the geometry, the result's shape and its layout."""


def read_call(
    operation: Operation, input: Any, filters: Any,
    strides: Any, padding: Any, data_format: Any, dilations: Any, out: Any,
) -> Call:  # fmt: skip
    """Check the arguments of a convolution and bring them into one form."""
    images = input if type(input) is np.ndarray else read_array(operation.input, input)
    kernels = filters if type(filters) is np.ndarray else read_array(operation.filters, filters)
    if operation.alike and images.dtype != kernels.dtype:
        images, kernels = read_alike(**{operation.input: input, operation.filters: filters})
    arrays = (images.shape, images.dtype, kernels.shape, kernels.dtype)
    attributes = (strides, padding, data_format, dilations)
    key = (operation, arrays, _key(attributes))
    checked = _checked.get(key)
    if checked is None:
        checked = check(operation, *arrays, *attributes)
        if key[2] is not _Unknown:
            if len(_checked) >= _MOST_CHECKED:
                _checked.clear()
            _checked[key] = checked
    return bind(operation, checked, images, kernels, out)


def bind(
    operation: Operation, checked: Checked, images: Array, kernels: Array, out: Array | None
) -> Call:
    """Return the call that was `checked`, with its arrays."""
    dtype, geometry, out_shape, layout = checked
    if out is None:
        out = result = np.empty(out_shape, dtype)
    else:
        check_out(out, out_shape, dtype, {operation.input: images, operation.filters: kernels})
        result = out.view(np.ndarray)
    if kernels.dtype != dtype:
        with np.errstate(all="ignore"):  # as there: a filter too large for the dtype becomes inf
            kernels = kernels.astype(dtype)
    if not (images.size and kernels.size and out.size):
        result[...] = 0  # nothing is read: where TensorFlow gives any, it is zeros
        return Call((), kernels, geometry, out)
    batches: Iterable[tuple[Array, Array]] = ((images, result),)
    rank = len(layout)
    if images.ndim > rank:
        batches = _fold(images, result, rank)
    if not layout.endswith("C"):
        order = 0, *range(2, rank), 1
        batches = ((x.transpose(order), y.transpose(order)) for x, y in batches)
    return Call(batches, kernels, geometry, out)


class _Unknown:
    """Stands for an attribute by which no call is remembered."""


_MOST_CHECKED = 1024
_ALIKE = {int, str, type(None)}
_checked: dict[tuple[Any, ...], Checked] = {}


def _key(value: Any) -> Any:
    """Return what stands for an attribute: nothing equal to it is read in another way.

    1 equals True and 1.0, which are not read alike; so just ints, strings and None are known.

    >>> _key([1, 2]) == _key([1, 2]), _key([1, 2]) == _key((1, 2)), _key(True) is _Unknown
    (True, False, True)
    """
    kind = type(value)
    if kind in _ALIKE:
        return value
    if (kind is list or kind is tuple) and len(value) <= 5:
        if _ALIKE.issuperset(map(type, value)):
            return (kind, *value)
        parts = (kind, *map(_key, value))
        return _Unknown if _Unknown in parts else parts
    return _Unknown


def check(
    operation: Operation, input_shape: Shape, input_dtype: np.dtype[Any],
    filters_shape: Shape, filters_dtype: np.dtype[Any], *attributes: Any, source: str = "",
) -> Checked:  # fmt: skip
    """Check all but the memory.

    `source` is what decided the dtype, if it is not the input.
    """
    arrays = {source or operation.input: input_dtype, operation.filters: filters_dtype}
    dtype = check_dtypes(arrays, alike=operation.alike)
    geometry, out_shape, layout = read_shapes(operation, input_shape, filters_shape, *attributes)
    check_bytes(f"{operation.input}, {operation.filters}, padding", out_shape, dtype)
    return dtype, geometry, out_shape, layout


def read_shapes(
    operation: Operation, input_shape: Shape, filters_shape: Shape, *attributes: Any
) -> tuple[Geometry, Shape, Layout]:
    """Check shapes and attributes of a forward convolution, for all that is derived from it.

    The attributes are its strides, padding, data_format and dilations as they were written. Returns
    the geometry, the shape of the result in the order of the data_format, and this as one of
    ``FORMATS``. Errors call the arguments as the operation does.
    """
    operation = operation.of(filters_shape)
    read = read_attributes(operation, *attributes)
    return *resolve(operation, input_shape, filters_shape, *read), read[2]


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


def read_alike(**values: Any) -> list[Array]:
    """Return arrays that must be of one dtype: a list takes that of what is none, in its kind."""
    arrays = {name: read_array(name, value) for name, value in values.items()}
    lists = {name for name, value in values.items() if isinstance(value, (list, tuple))}
    source = next((name for name in arrays if name not in lists), "")
    for name in lists if source else ():
        to = arrays[source].dtype
        check_cast(arrays[name].dtype, to, name, source)
        with np.errstate(all="ignore"):
            arrays[name] = arrays[name].astype(to)
    return list(arrays.values())


def read_arrays(operation: Operation, given: Mapping[str, Any]) -> list[Array]:
    """Return the arrays of an operation, from arguments by their names."""
    values = {name: given[name] for name in operation.arrays}
    return read_alike(**values) if operation.alike else [*map(read_array, values, values.values())]


def check_dtypes(dtypes: Mapping[str, np.dtype[Any]], *, alike: bool = False) -> np.dtype[Any]:
    """Return the dtype of a result of arrays: the first decides, the others cast to it.

    Within the same kind; where they must be `alike`, they must be of the same dtype.
    """
    (source, first), *others = dtypes.items()
    dtype = read_dtype(source, first)
    for name, other in others:
        if not alike:
            check_cast(other, dtype, name, source)
        elif other.newbyteorder("=") != dtype:
            raise TypeError(f"{name}: expected dtype {dtype} as the {source}'s, received {other}")
    return dtype


def check_cast(
    other: np.dtype[Any], dtype: np.dtype[Any], name: str = "filters", source: str = "input"
) -> None:
    """Check that another array, called `name`, casts to the dtype of `source` within its kind."""
    kind: str = other.kind
    if kind == "V":  # bfloat16 and its like
        number = next((to for to in ("i4", "f4") if np.can_cast(other, to)), kind)
        kind = number[0]
    if kind not in ("bui" if dtype.kind == "i" else "buif"):
        form = f"dtype {dtype} as the {source}'s, or one that casts to it within the same kind"
        raise TypeError(f"{name}: expected {form}, received {other}")


def check_out(out: Any, shape: Shape, dtype: np.dtype[Any], inputs: Mapping[str, Array]) -> None:
    """Check that a result can be written to `out`, whose memory is none of that of the inputs."""
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
    for name, array in inputs.items():
        try:
            apart = not np.shares_memory(out, array, max_work=100_000)  # type: ignore[arg-type]
        except np.exceptions.TooHardError:
            apart = False
        if not apart:
            raise ValueError(f"out: expected memory of its own, received some of that of {name}")


def _fold(images: Array, out: Array, rank: int) -> Iterator[tuple[Array, Array]]:
    """Fold leading dimensions into the batch, or walk along them where folding would copy."""
    if images.ndim == rank:
        yield images, out
        return
    lead = images.ndim - rank + 1
    if all(merged(x.shape[:lead], x.strides[:lead]) is not None for x in (images, out)):
        yield images.reshape(-1, *images.shape[lead:]), out.reshape(-1, *out.shape[lead:])
        return
    for one_images, one_out in zip(images, out, strict=True):
        yield from _fold(one_images, one_out, rank)

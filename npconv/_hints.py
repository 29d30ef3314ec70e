"""What was probably meant by a call that is refused.

The habits of PyTorch, Keras and NumPy are tried on the whole call, in exact integers, and only what
would be accepted is named. Nothing here runs before an error is about to be raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from math import prod
from typing import Any, TypeVar

import numpy as np

from npconv._arguments import check_dtypes, check_out, read_array, read_shapes
from npconv._attributes import Layout, Shape, read_data_format, show_pads
from npconv._geometry import Geometry
from npconv._operation import CONV2D, FORMATS, OPERATIONS, Operation

F = TypeVar("F", bound=Callable[..., Any])
Known = Callable[[str, Any], tuple[Shape, np.dtype[Any]]]

_OTHERS = {"name", "out", "dtype", "precision"}  # arguments that nothing is meant by
_MISSING: Any = object()  # stands for an argument that was not given

_DEFAULTS = {"input": _MISSING, "filters": _MISSING, "strides": _MISSING, "padding": _MISSING,
             "data_format": "NHWC", "dilations": None}  # fmt: skip
_NAMES = {"x": "input", "image": "input", "images": "input", "w": "filters", "weight": "filters",
          "kernel": "filters", "rate": "dilations", "layout": "data_format"}  # fmt: skip
_PAD_MODES = {"REFLECT": "reflect", "SYMMETRIC": "symmetric", "EDGE": "edge", "REPLICATE": "edge",
              "WRAP": "wrap", "CIRCULAR": "wrap"}  # fmt: skip
_MOST_OUTPUTS = 2**40  # beyond what anybody can have meant


def known(name: str, value: Any) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of an array that is called `name`."""
    array = read_array(name, value)
    return array.shape, array.dtype


def hinting(function: F, known: Known = known) -> F:
    """Decorate a function so that its errors say what was probably meant."""
    defaults = {
        one.name: _MISSING if one.default is one.empty else one.default
        for one in signature(function).parameters.values()
        if one.name not in _OTHERS
    }

    @wraps(function)
    def hinted(*values: Any, **named: Any) -> Any:
        try:
            return function(*values, **named)
        except (TypeError, ValueError) as error:
            operation = OPERATIONS[function.__name__]
            meant = better(error, known, values, named, operation, defaults)
            raise meant from error.__cause__

    return hinted  # type: ignore[return-value]


def better(
    error: Exception, known: Known, values: Any, named: dict[str, Any],
    operation: Operation = CONV2D, defaults: dict[str, Any] = _DEFAULTS,
) -> Exception:  # fmt: skip
    """Return what to raise for a call with these arguments that gave `error`: it, with a hint."""
    call = defaults | dict(zip(defaults, values, strict=False))
    call |= {name: named[name] for name in named if name in call}
    unknown = {word: named[word] for word in named if word not in _OTHERS | call.keys()}
    missing = ", ".join(repr(name) for name in call if call[name] is _MISSING)
    if missing and not unknown:
        return TypeError(f"missing a required argument: {missing}")
    if named.get("dtype") is not None:  # the input's is not what `known` says
        return error
    texts, left = {}, []
    for word, value in unknown.items():
        name = _NAMES.get(word, word)
        name = getattr(operation, name, name)  # as the function calls it
        if name not in call:
            name = "".join(get_close_matches(word, call, 1))
        if name and call[name] is defaults[name]:
            call[name], texts[name] = value, name
        else:
            left.append(word)
    arrays = operation.input, operation.filters
    try:
        changes, geometry = _meant(operation, call, named, known)
        notes = [_without(word, unknown[word], geometry) for word in left]
    except (TypeError, ValueError):
        return error
    texts |= {n: f"{n}={call[n]!r}" for n in texts if n not in arrays} | changes
    parts = [texts[name] for name in defaults if name in texts] + notes
    if not parts or "" in parts:
        return error
    message = str(error)
    if len(parts) == 1:
        parts[0] = parts[0].removeprefix(f"{message.partition(':')[0]}=")
    message += f"; did you mean {', '.join(parts)}?"
    if ".transpose(" in message:
        sides = ", ".join(f"K{side}" for side in FORMATS[len(geometry.axes)][0][1:-1])
        message += f" PyTorch's filters are (out_channels, in_channels, {sides})."
    return ValueError(message) if isinstance(error, ValueError) else TypeError(message)


def _without(word: str, value: Any, geometry: Geometry) -> str:
    """Say how to do without a keyword of other libraries; nothing where that is not the same."""
    if word == "groups":
        return f"no groups (the channels make {geometry.groups})"
    if word == "bias" and value is not None and np.shape(value) == (geometry.out_channels,):
        return "bias added to the result"
    return f"no {word}" if word == "use_cudnn_on_gpu" or (word == "bias" and value is None) else ""


def _meant(
    operation: Operation, call: dict[str, Any], named: Any, known: Known
) -> tuple[dict[str, str], Geometry]:
    """Return how the accepted call differs that differs least, as text by argument."""
    out, groups = named.get("out"), named.get("groups")
    names = source, own_filters = operation.input, operation.filters
    (shape, dtype), (kernel, filters_dtype) = (known(name, call[name]) for name in names)
    operation = operation.of(kernel)
    rank, (last, first) = operation.axes + 2, FORMATS[operation.axes]
    image = ""
    if len(shape) == rank - 1:
        image, shape = "[np.newaxis]", (1, *shape)
    if operation.alike and isinstance(call[source], (list, tuple)):
        dtype = filters_dtype
    elif operation.alike and isinstance(call[own_filters], (list, tuple)):
        filters_dtype = dtype
    cast = _cast(operation, dtype, filters_dtype)
    if cast:
        image, dtype = f"{image}.astype({cast!r})", np.dtype(cast)
    array = f"np.asarray({source})" if image and isinstance(call[source], list) else source
    image = f"{array}{image}"
    check_dtypes({source: dtype, own_filters: filters_dtype}, alike=operation.alike)
    written = call.get("data_format")
    with suppress(TypeError, ValueError):
        written = read_data_format(operation.axes, written)
    name = str(written).strip().upper()
    formats = {name: name, "CHANNELS_LAST": last, "CHANNELS_FIRST": first}
    given = read_data_format(operation.axes, formats[name])
    mode = _PAD_MODES.get(str(call["padding"]).upper())
    found: list[tuple[Any, ...]] = []
    for layout, changed, filters, taps in _readings(operation, shape, kernel, given, out):
        if layout != given != written or (layout != given and "data_format" not in call):
            continue  # what was spelled in another way was meant
        pads = "SAME" if mode else _pads(call["padding"], layout)
        strides, rates = (call.get(one) for one in (operation.strides, operation.dilations))
        try:
            geometry, result, _ = read_shapes(operation, shape, taps, strides, pads, layout, rates)
            if out is not None:
                check_out(out, result, dtype, {one: np.asarray(call[one]) for one in names})
        except (TypeError, ValueError):
            continue
        likely = not changed or all(axis.kernel <= axis.size for axis in geometry.axes)
        transposed = ".transpose(" in filters
        if transposed:
            square = len({*geometry.kernel}) == 1 and geometry.kernel[0] != kernel[0]
            likely &= square or (geometry.groups == 1 and kernel[0] > 11)
        if not (likely and 0 < prod(result) < _MOST_OUTPUTS and groups in (None, geometry.groups)):
            continue
        changes = {source: image, own_filters: filters}
        if mode:
            own = show_pads((axis[4:6] for axis in geometry.axes), layout)
            zeros = [[0, 0]] * (len(shape) - rank) + own
            changes[source], pads = f"np.pad({image}, {zeros}, {mode!r})", "VALID"
        if pads is not call["padding"]:
            changes["padding"] = f"padding={pads!r}"
        if written != layout:
            changes["data_format"] = f"data_format={layout!r}"
        changes = {name: text for name, text in changes.items() if text != name}
        grouped = changed > 0 and geometry.groups > 1
        alone = grouped and transposed and layout == last  # PyTorch's data are channels first, too
        found.append((changed > 0, grouped, alone, changed, len(found), changes, geometry))
    return min(found)[-2:]


def _cast(operation: Operation, dtype: np.dtype[Any], filters: np.dtype[Any]) -> str:
    """Return the dtype to which an input is to be cast; nothing where it is taken as it is."""
    with suppress(TypeError):
        check_dtypes({"input": dtype, "filters": filters}, alike=operation.alike)
        return ""
    if operation.alike:
        return filters.name
    whole = "int32" if filters.kind in "iu" else "float32"
    return {"b": whole, "u": whole, "i": whole, "f": "float64"}.get(dtype.kind, "")


def _readings(
    operation: Operation, shape: Shape, kernel: Shape, given: Layout, out: Any
) -> Iterator[tuple[Layout, int, str, Shape]]:
    """Yield what layout and filters may be, with how much that changes."""
    name, axes = operation.filters, operation.axes
    last, first = FORMATS[axes]
    for changed, layout in enumerate((given, first if given == last else last)):
        yield layout, changed, name, kernel
        if len(kernel) != axes + 2 or len(shape) < axes + 2:
            continue
        channels = shape[-1 if layout == last else -1 - axes]
        *sides, depth, count = kernel
        turned = f"{name}.transpose{(*range(2, axes + 2), 1, 0)}"
        hwio = (*kernel[2:], kernel[1], kernel[0])
        if operation.depthwise:  # those of conv2d in groups
            for text, taps in ((name, kernel), (turned, hwio)):
                if taps[-2] == 1 < channels and taps[-1] % channels == 0:
                    taps = (*taps[:-2], channels, taps[-1] // channels)
                    yield layout, changed + 1, f"{text}.reshape{taps}", taps
            continue
        yield layout, changed + 1, turned, hwio
        if out is not None and depth == channels:  # those of depthwise_conv2d
            taps = (*sides, 1, depth * count)
            yield layout, changed + 1, f"{name}.reshape{taps}", taps


def _pads(value: Any, layout: Layout) -> Any:
    """Return the padding that a spelling of another library says; `value` itself if it is none."""
    if isinstance(value, (str, bytes)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        folded = text.strip().upper()
        return folded if text != folded in ("SAME", "VALID") else value
    if not isinstance(value, (int, np.integer, list, tuple, np.ndarray)):
        return value
    grid, axes = np.asarray(value), len(layout) - 2
    if grid.dtype.kind not in "iu":
        return value
    if grid.ndim < 2 and grid.size <= axes:  # before and after alike
        grid = np.repeat(np.broadcast_to(grid, axes), 2).reshape(axes, 2)
    if grid.shape == (axes, 2):
        return show_pads(grid.tolist(), layout)
    return grid.tolist() if isinstance(value, np.ndarray) else value

"""What was probably meant by a call that is refused.

The habits of PyTorch, Keras and NumPy are tried on the whole call, in exact integers, and only what
``conv2d`` would accept is named. Nothing here runs before an error is about to be raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from math import prod
from typing import Any

import numpy as np

from npconv._arguments import check_cast, check_out, read_array, read_dtype, read_shapes
from npconv._attributes import Layout, Shape, read_data_format, show_pads
from npconv._geometry import Geometry
from npconv._operation import CONV2D

Known = Callable[[str, Any], tuple[Shape, np.dtype[Any]]]

MISSING: Any = object()  # stands for an argument that was not given

_DEFAULTS = {"input": MISSING, "filters": MISSING, "strides": MISSING, "padding": MISSING,
             "data_format": "NHWC", "dilations": None}  # fmt: skip
_NAMES = {"x": "input", "image": "input", "images": "input", "w": "filters", "weight": "filters",
          "kernel": "filters", "rate": "dilations", "layout": "data_format"}  # fmt: skip
_FORMATS = {"CHANNELS_LAST": "NHWC", "CHANNELS_FIRST": "NCHW"}
_PAD_MODES = {"REFLECT": "reflect", "SYMMETRIC": "symmetric", "EDGE": "edge", "REPLICATE": "edge",
              "WRAP": "wrap", "CIRCULAR": "wrap"}  # fmt: skip
_OIHW = "filters.transpose(2, 3, 1, 0)"
_MOST_OUTPUTS = 2**40  # beyond what anybody can have meant


def known(name: str, value: Any) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of an array that is called `name`."""
    array = read_array(name, value)
    return array.shape, array.dtype


def better(error: Exception, known: Known, values: Any, named: dict[str, Any]) -> Exception:
    """Return what to raise for a call with these arguments that gave `error`: it, with a hint."""
    call = _DEFAULTS | dict(zip(_DEFAULTS, values, strict=False))
    call |= {name: named[name] for name in named if name in call}
    unknown = {word: named[word] for word in named if word not in (*call, "name", "out", "dtype")}
    missing = ", ".join(repr(name) for name in call if call[name] is MISSING)
    if missing and not unknown:
        return TypeError(f"missing a required argument: {missing}")
    if named.get("dtype") is not None:  # the input's is not what `known` says
        return error
    texts, left = {}, []
    for word, value in unknown.items():
        name = _NAMES.get(word) or "".join(get_close_matches(word, call, 1))
        if name and call[name] is _DEFAULTS[name]:
            call[name], texts[name] = value, name
        else:
            left.append(word)
    try:
        changes, geometry = _meant(call, named, known)
        notes = [_without(word, unknown[word], geometry) for word in left]
    except (TypeError, ValueError):
        return error
    texts |= {n: f"{n}={call[n]!r}" for n in texts if n not in ("input", "filters")} | changes
    parts = [texts[name] for name in _DEFAULTS if name in texts] + notes
    if not parts or "" in parts:
        return error
    message = str(error)
    if len(parts) == 1:
        parts[0] = parts[0].removeprefix(f"{message.partition(':')[0]}=")
    message += f"; did you mean {', '.join(parts)}?"
    if _OIHW in parts:
        message += " PyTorch's filters are (out_channels, in_channels, KH, KW)."
    return ValueError(message) if isinstance(error, ValueError) else TypeError(message)


def _without(word: str, value: Any, geometry: Geometry) -> str:
    """Say how to do without a keyword of other libraries; nothing where that is not the same."""
    if word == "groups":
        return f"no groups (the channels make {geometry.groups})"
    if word == "bias" and value is not None and np.shape(value) == (geometry.out_channels,):
        return "bias added to the result"
    return f"no {word}" if word == "use_cudnn_on_gpu" or (word == "bias" and value is None) else ""


def _meant(call: dict[str, Any], named: Any, known: Known) -> tuple[dict[str, str], Geometry]:
    """Return how the accepted call differs that differs least, as text by argument."""
    out, groups = named.get("out"), named.get("groups")
    (shape, dtype), (kernel, filters_dtype) = (known(n, call[n]) for n in ("input", "filters"))
    image = "np.asarray(input)" if isinstance(call["input"], list) else "input"
    if len(shape) == 3:
        image, shape = f"{image}[np.newaxis]", (1, *shape)
    cast = _cast(dtype, filters_dtype)
    if cast:
        image, dtype = f"{image}.astype({cast!r})", np.dtype(cast)
    check_cast(filters_dtype, read_dtype("input", dtype))
    written = "NHWC" if call["data_format"] is None else call["data_format"]
    name = str(written).strip().upper()
    given = read_data_format(2, _FORMATS.get(name, name))
    mode = _PAD_MODES.get(str(call["padding"]).upper())
    found: list[tuple[Any, ...]] = []
    for layout, changed, filters, taps in _readings(shape, kernel, given, out):
        if layout != given != written:
            continue  # what was spelled in another way was meant
        pads = "SAME" if mode else _pads(call["padding"], layout)
        attributes = call["strides"], pads, layout, call["dilations"]
        try:
            geometry, result, _ = read_shapes(CONV2D, shape, taps, *attributes)
            if out is not None:
                inputs = {n: np.asarray(call[n]) for n in ("input", "filters")}
                check_out(out, result, dtype, inputs)
        except (TypeError, ValueError):
            continue
        rows, columns = geometry.axes
        likely = not changed or (taps[0] <= rows.size and taps[1] <= columns.size)
        if filters == _OIHW:
            likely &= taps[0] == taps[1] != kernel[0] or (geometry.groups == 1 and kernel[0] > 11)
        if not (likely and 0 < prod(result) < _MOST_OUTPUTS and groups in (None, geometry.groups)):
            continue
        changes = {"input": image, "filters": filters}
        if mode:
            zeros = [[0, 0]] * (len(shape) - 4) + show_pads((rows[4:6], columns[4:6]), layout)
            changes["input"], pads = f"np.pad({image}, {zeros}, {mode!r})", "VALID"
        if pads is not call["padding"]:
            changes["padding"] = f"padding={pads!r}"
        if written != layout:
            changes["data_format"] = f"data_format={layout!r}"
        changes = {name: text for name, text in changes.items() if text != name}
        grouped = changed > 0 and geometry.groups > 1
        alone = grouped and (filters, layout) == (_OIHW, "NHWC")  # PyTorch's data are NCHW, too
        found.append((changed > 0, grouped, alone, changed, len(found), changes, geometry))
    return min(found)[-2:]


def _cast(dtype: np.dtype[Any], filters: np.dtype[Any]) -> str:
    """Return the dtype to which an input is to be cast; nothing where it is taken as it is."""
    with suppress(TypeError):
        check_cast(filters, read_dtype("input", dtype))
        return ""
    whole = "int32" if filters.kind in "iu" else "float32"
    return {"b": whole, "u": whole, "i": whole, "f": "float64"}.get(dtype.kind, "")


def _readings(
    shape: Shape, kernel: Shape, given: Layout, out: Any
) -> Iterator[tuple[Layout, int, str, Shape]]:
    """Yield what layout and filters may be, with how much that changes."""
    other: Layout = "NCHW" if given == "NHWC" else "NHWC"
    for changed, layout in enumerate((given, other)):
        yield layout, changed, "filters", kernel
        if len(kernel) == 4 and len(shape) >= 4:
            height, width, depth, count = kernel
            yield layout, changed + 1, _OIHW, (depth, count, width, height)
            if out is not None and depth == shape[-1 if layout == "NHWC" else -3]:  # depthwise
                taps = (height, width, 1, depth * count)
                yield layout, changed + 1, f"filters.reshape{taps}", taps


def _pads(value: Any, layout: Layout) -> Any:
    """Return the padding that a spelling of another library says; `value` itself if it is none."""
    if isinstance(value, (str, bytes)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        folded = text.strip().upper()
        return folded if text != folded in ("SAME", "VALID") else value
    if not isinstance(value, (int, np.integer, list, tuple, np.ndarray)):
        return value
    grid = np.asarray(value)
    if grid.dtype.kind not in "iu":
        return value
    if grid.ndim < 2 and grid.size <= 2:  # before and after alike
        grid = np.repeat(np.broadcast_to(grid, 2), 2).reshape(2, 2)
    if grid.shape == (2, 2):
        return show_pads(grid.tolist(), layout)
    return grid.tolist() if isinstance(value, np.ndarray) else value

"""Arrays and calls that the tests are built from, and the documented formula itself."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

import npconv

DTYPES = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "int32": np.dtype(np.int32),
}
FLOATS = [name for name in DTYPES if name != "int32"]

# Integers up to here are exact: in the dtype itself, and as a sum where it is accumulated.
EXACT = {"float16": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53}
EXACT_SUM = {"float16": 2**24, "bfloat16": 2**24, "float32": 2**24, "float64": 2**53}

EXAMPLES: Counter[str] = Counter()  # of Hypothesis tests: how many really ran


def guarded(conv2d):
    """Wrap `conv2d` so that it raises if it modifies its inputs."""

    @functools.wraps(conv2d)
    def wrapper(*args, **kwargs):
        arrays = [a for a in [*args[:2], *kwargs.values()] if isinstance(a, np.ndarray)]
        arrays = [a for a in arrays if a is not kwargs.get("out") and a.size <= 2**20]
        before = [np.asarray(a).tobytes() for a in arrays]
        try:
            return conv2d(*args, **kwargs)
        finally:
            for array, content in zip(arrays, before, strict=True):
                assert np.asarray(array).tobytes() == content, "conv2d modified an input"

    return wrapper


def assert_same(actual, expected, context=""):
    """Equal dtype, shape and value, bit for bit (so -0.0 is not 0.0); any two NaNs are equal."""
    expected = np.asarray(expected)
    assert type(actual) is np.ndarray, context
    assert actual.dtype == expected.dtype, context
    assert actual.shape == expected.shape, context
    if actual.dtype.kind != "i":
        nan = np.isnan(actual)
        np.testing.assert_array_equal(nan, np.isnan(expected), err_msg=str(context))
        np.testing.assert_array_equal(
            np.signbit(actual) & ~nan, np.signbit(expected) & ~nan, err_msg=f"sign bit, {context}"
        )
        # Where both are NaN they are equal; bfloat16 has no equal_nan of its own.
        actual, expected = (np.where(nan, 0, a.astype(np.float64)) for a in (actual, expected))
    np.testing.assert_array_equal(actual, expected, err_msg=str(context))


def integers(shape, dtype, seed=0, most=4):
    """Integers in [-most, most], with -0.0 among the floats."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-most, most, shape, endpoint=True)
    dtype = DTYPES.get(dtype, dtype)
    if np.dtype(dtype).kind == "i":
        return values.astype(dtype)
    return np.where((values == 0) & (rng.random(shape) < 0.5), -0.0, values).astype(dtype)


def special_values(shape, dtype, seed, share):
    """Small integers, of which about a `share` each is replaced by inf, -inf and NaN."""
    values, rng = integers(shape, dtype, seed, most=2), np.random.default_rng(seed)
    for value in (np.inf, -np.inf, np.nan):
        values[rng.random(shape) < share] = value
    return values


def lattice(input_shape, filters_shape, dtype, seed=0, wide=True):
    """Input and filters whose convolution is exact in any order; all of int32's range wraps."""
    taps = max(1, math.prod(filters_shape[:-1]))
    if dtype == "int32":
        most = 2**31 - 1 if wide else 4
    else:
        most = min(EXACT[dtype], math.isqrt(EXACT_SUM[dtype] // taps)) if wide else 4
    assert most >= 1, "too many taps to be exact"
    return integers(input_shape, dtype, seed, most), integers(filters_shape, dtype, seed + 1, most)


def pads_of(size, kernel, stride, dilation, padding):
    """Pixels before and after and the number of outputs, as TensorFlow documents them."""
    extent = (kernel - 1) * dilation + 1
    if padding == "SAME":
        rest = size % stride
        total = max(extent - (rest or stride), 0)
        return total // 2, total - total // 2, -(-size // stride)
    before, after = (0, 0) if padding == "VALID" else padding
    room = size + before + after - extent + stride
    return before, after, int(room / stride)  # towards zero


def definition(x, w, strides=(1, 1), padding="SAME", dilations=(1, 1)):
    """Sum the documented formula tap by tap: (N, *sizes, C), `padding` a string or pairs.

    output[b, i, j, k] = sum over di, dj, q of
    input[b, sh * i + dh * di, sw * j + dw * dj, q] * filter[di, dj, q, k], with zeros around;
    the same for any number of axes. Exact for integers below 2**53; int32 wraps.
    """
    wide = np.int64 if x.dtype.kind == "i" else np.float64
    (n, *sizes, channels), (*kernel, ci, co) = x.shape, w.shape
    pairs = [padding] * len(kernel) if isinstance(padding, str) else padding
    axes = [pads_of(*one) for one in zip(sizes, kernel, strides, dilations, pairs, strict=True)]
    padded = np.pad(x.astype(wide), [(0, 0), *(axis[:2] for axis in axes), (0, 0)])
    groups = channels // ci
    total = np.zeros((n, *(axis[2] for axis in axes), co), wide)
    for tap in np.ndindex(*kernel) if total.size and groups else ():
        seen = padded[
            (
                slice(None),
                *(
                    slice(k * d, k * d + (axis[2] - 1) * s + 1, s)
                    for k, d, s, axis in zip(tap, dilations, strides, axes, strict=True)
                ),
            )
        ]
        seen = seen.reshape(*seen.shape[:-1], groups, ci)
        taps = w[tap].astype(wide).reshape(ci, groups, co // groups)
        total += np.einsum("...gq,qgk->...gk", seen, taps).reshape(total.shape)
    with np.errstate(over="ignore"):  # halves overflow to inf
        return total.astype(x.dtype)


def proposed(message):
    """What a message proposes, as text; None where it proposes nothing."""
    found = re.search(r"; did you mean (.*?)\?( PyTorch's filters are .*)?$", message, re.DOTALL)
    return found and found[1]


def corrected(function, call, message):
    """The call as the message proposes it: its text is read as the arguments of a call."""
    hint = re.sub(r"(, )?(no \w+( \([^)]*\))?|bias added to the result)", "", proposed(message))
    call, parameters = dict(call), inspect.signature(function).parameters
    for word in call.keys() - parameters.keys():
        value = call.pop(word)
        if isinstance(value, np.ndarray) and value.ndim > 2:
            call[next(name for name in parameters if name not in call)] = value
    names = {"np": np, **call}

    def evaluate(node):
        return eval(compile(ast.Expression(node), "hint", "eval"), names)

    arguments = ast.parse(f"f({hint})", mode="eval").body
    for node in arguments.args:
        inside = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        [name] = (inside - {"np"}) or [message.partition(":")[0]]
        call[name] = evaluate(node)
    return call | {one.arg: evaluate(one.value) for one in arguments.keywords}


def run_python(code, timeout=60, **environment):
    """Run code in a process of its own, whose npconv is the one that is tested here."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(npconv.__file__).parent.parent,
        timeout=timeout,
        env={**os.environ, **environment},
    )


class Plain(np.ndarray):
    """A subclass that must not leak into the result."""


class Wrapped:
    """Not an array, but convertible to one."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


def every_other(a):
    """Values at every second place along each axis of a larger array."""
    big = np.full([2 * n + 1 for n in a.shape], 77, a.dtype)
    view = big[tuple(slice(1, 2 * n, 2) for n in a.shape)]
    view[...] = a
    return view


def unaligned(a):
    """Values that start one byte after an aligned address."""
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(a.tobytes(), np.uint8)
    return raw.view(a.dtype).reshape(a.shape)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def swapped(a):
    """The other byte order; ml_dtypes has only the native one."""
    if a.dtype == DTYPES["bfloat16"]:
        return a
    return a.astype(a.dtype.newbyteorder("S"))


LAYOUTS = {
    "C": lambda a: a.copy(),
    "Fortran": lambda a: np.asfortranarray(a),
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "channels-first": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, -3)), -3, -1),
    "negative": lambda a: np.ascontiguousarray(a[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
    "negative-channels": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "every-other": every_other,
    "read-only": read_only,
    "byte-swapped": swapped,
    "unaligned": unaligned,
    "subclass": lambda a: a.copy().view(Plain),
    "masked": lambda a: np.ma.masked_array(a.copy(), mask=np.arange(a.size).reshape(a.shape) % 2),
    "__array__": Wrapped,
}


@st.composite
def axes(draw, padding):
    """Sizes along one spatial axis: input, kernel, stride, dilation, pads; accepted by rule 18."""
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 4))
    pads = draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) if padding == "EXPLICIT" else None
    least = 0
    if padding != "SAME":
        extent = (kernel - 1) * dilation + 1
        least = max(0, extent - 2 * stride + 1 - sum(pads or ()))
    return draw(st.integers(least, least + 7)), kernel, stride, dilation, pads


@st.composite
def calls(draw, dtype, special=False):
    """Keyword arguments of a call that is accepted and exact; shrinks towards a tiny one by one.

    The structure and a seed are drawn, the numbers come from the seed. `special` values are
    infinities and NaNs among small integers, so that every order of summation gives the same.
    """
    padding = draw(st.sampled_from(["SAME", "VALID", "EXPLICIT"]))
    rows, columns = draw(axes(padding)), draw(axes(padding))
    groups, ci, each = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 3))
    channels = draw(st.sampled_from([groups * ci] * 7 + [0]))
    # rank >= 5 takes no batch of zero together with an image of zero (see parity.rules)
    least = 1 if 0 in (rows[0], columns[0], channels) else 0
    lead = draw(st.lists(st.integers(least, 2), min_size=1, max_size=3))
    shapes = (*lead, rows[0], columns[0], channels), (rows[1], columns[1], ci, each * groups)
    seed = draw(st.integers(0, 2**32))
    if special:
        share = draw(st.sampled_from([0.03, 0.3]))
        x, w = (special_values(shape, dtype, seed + i, share) for i, shape in enumerate(shapes))
    else:
        x, w = lattice(*shapes, dtype, seed, draw(st.booleans()))
    nchw = draw(st.booleans())

    def ordered(pair, other):
        return [other, other, *pair] if nchw else [other, *pair, other]

    def steps(pair):
        forms = [ordered(pair, 1), tuple(pair), np.array(pair)]
        if pair[0] == pair[1]:
            forms += [pair[0], [pair[0]]]
        return draw(st.sampled_from(forms))

    layout = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS.keys() - {"masked"})))]
    call = {
        "input": layout(np.moveaxis(x, -1, -3) if nchw else x),
        "filters": LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](w),
        "strides": steps([rows[2], columns[2]]),
        "dilations": steps([rows[3], columns[3]]),
        "padding": ordered([rows[4], columns[4]], (0, 0)) if padding == "EXPLICIT" else padding,
    }
    if nchw or draw(st.booleans()):
        call["data_format"] = "NCHW" if nchw else "NHWC"
    return call

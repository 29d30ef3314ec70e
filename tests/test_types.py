"""What a type checker says: the dtype of results, and which calls it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import npconv

api = pytest.importorskip("mypy.api")

HEAD = """\
from typing import Any, Literal, assert_type

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

import npconv
from npconv import conv1d, conv2d, conv3d, explain, extract_patches, flatten_filters, reference

f16 = np.zeros((1, 5, 5, 3), np.float16)
f32 = np.zeros((1, 5, 5, 3), np.float32)
f64 = np.zeros((1, 5, 5, 3), np.float64)
i32 = np.zeros((1, 5, 5, 3), np.int32)
unknown: Any = f32
some: NDArray[Any] = f32
bf16 = f32.astype(ml_dtypes.bfloat16)
w = np.zeros((3, 3, 3, 2), np.float32)
nested = [[[[1.0, 2.0, 3.0]]]]
either: NDArray[np.float32] | NDArray[np.float64] = f32
mode: Literal["SAME", "VALID"] = "SAME"
"""
ACCEPTED = """\
assert_type(conv2d(f16, w, 1, "SAME"), NDArray[np.float16])
assert_type(conv2d(f32, w, 1, "SAME"), NDArray[np.float32])
assert_type(conv2d(f64, w, 1, "SAME"), NDArray[np.float64])
assert_type(conv2d(i32, i32, 1, "SAME"), NDArray[np.int32])
conv2d(either, w, 1, mode)
assert_type(conv2d(nested, [[[[1], [2], [3]]]], 1, "SAME"), NDArray[Any])
assert_type(conv2d(((((1.0,),),),), w, 1, "SAME"), NDArray[Any])
assert_type(conv2d(some, w, 1, "SAME"), NDArray[Any])
assert_type(conv2d(f32, w, 1, "SAME", out=np.empty((1, 5, 5, 2), np.float32)), NDArray[np.float32])
conv2d(unknown, unknown, unknown, unknown)
conv2d(bf16, w.astype(ml_dtypes.bfloat16), 1, "SAME")
conv2d(f32, w, strides=2, padding="VALID")
conv2d(f32, w, (2, 2), mode)
conv2d(f32, w, [1, 2, 2, 1], "SAME", "NHWC", [1, 1])
conv2d(f32, w, np.int64(2), "SAME", data_format=None, dilations=None)
conv2d(f32, w, np.array([1, 2]), "SAME", "NCHW", np.int32(1), name="layer")
conv2d(f32, w, None, "SAME")
conv2d(f32, w, True, [[0, 0], [1, 1], [1, 1], [0, 0]])
conv2d(f32, w, range(1, 3), ((0, 0), (1, 2), (1, np.int64(2)), (0, 0)))
assert_type(conv1d(f32, w, 2, "SAME", "NCW", [1, 2, 1]), NDArray[np.float32])
assert_type(conv3d(f64, w, (1, 2, 2, 2, 1), mode, "NDHWC"), NDArray[np.float64])
assert_type(conv3d(nested, w, 1, [[0, 0]] * 5), NDArray[Any])
assert_type(npconv.convolution(f32, w, data_format="NHWC", out=f32), NDArray[np.float32])
assert_type(npconv.atrous_conv2d(f32, w, [1, 2], "SAME"), NDArray[np.float32])
assert_type(npconv.depthwise_conv2d(f16, w, 1, "SAME", None, 2), NDArray[np.float16])
assert_type(npconv.separable_conv2d(f32, w, w, 1, "SAME", "NCHW"), NDArray[np.float32])
assert_type(reference.conv2d(f32, w, 1, "SAME"), NDArray[np.float32])
assert_type(flatten_filters(w), NDArray[np.float32])
assert_type(flatten_filters(nested), NDArray[Any])
assert_type(extract_patches(f64, [1, 2, 2, 1], (1, 1, 1, 1), [1] * 4, "SAME"), NDArray[np.float64])
assert_type(explain((1, 5, 5, 3), w, 1, "SAME", dtype="int32"), npconv.Explanation)
assert_type(explain(f32, [3, 3, 3, 2], 1, "SAME", name="layer", out=f32).groups, int)
"""
REFUSED = """\
conv2d(None, object(), [1.5], 3)
conv2d(None, w, 1, "SAME")
conv2d(f32, object(), 1, "SAME")
conv2d(f32, w, 1.5, "SAME")
conv2d(f32, w, [1.5], "SAME")
conv2d(f32, w, "1", "SAME")
conv2d(f32, w, 1, 3)
conv2d(f32, w, 1, "same")
conv2d(f32, w, 1, str(mode))
conv2d(f32, w, 1, (1, 1))
conv2d(f32, w, 1, [[0, 0], [0.5, 1], [1, 1], [0, 0]])
conv2d(f32, w, 1, "SAME", "channels_last")
conv2d(f32, w, 1, "SAME", dilations=1.5)
conv2d(f32, w, 1, "SAME", stride=1)
conv2d(f32, w, 1)
conv2d(f32, w, 1, "SAME", out=[1.0])
conv2d(f32, w, 1, "SAME", out=f64).dtype.float32
assert_type(conv2d(f32, w, 1, "SAME"), NDArray[np.float64])
conv1d(f32, w, 1, "CAUSAL")
conv1d(f32, w, 1, "SAME", "NDHWC")
conv3d(f32, w, 1.5, "SAME")
npconv.convolution(f32)
npconv.atrous_conv2d(f32, w, 2, "SAME", data_format="NHWC")
npconv.depthwise_conv2d(f32, filters=w, strides=1, padding="SAME")
npconv.separable_conv2d(f32, w, w, 1, "SAME", out=f64).dtype.float32
reference.conv2d(f32, w, 1, "same")
flatten_filters(object())
extract_patches(f32, 2, [1] * 4, [1] * 4, "SAME")
extract_patches(f32, [1] * 4, [1] * 4, [1] * 4, [[0, 0]] * 4)
explain(object(), w, 1, "SAME")
explain(f32, w, 1, "SAME", stride=1)
explain(f32, w, 1)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What mypy --strict says of each call, in one run."""
    file = tmp_path_factory.mktemp("types") / "calls.py"
    file.write_text(HEAD + ACCEPTED + REFUSED)
    cache = Path(npconv.__file__).parents[1] / ".mypy_cache"
    said, problems, _ = api.run(["--strict", f"--cache-dir={cache}", str(file)])
    assert not problems
    lines = file.read_text().splitlines()
    numbers = re.findall(r"calls\.py:(\d+): error: (.*)", said)
    return {lines[int(number) - 1]: error for number, error in numbers}


def test_the_head_is_right(found):
    assert not {line: found[line] for line in HEAD.splitlines() if line in found}


@pytest.mark.parametrize("call", ACCEPTED.splitlines())
def test_accepted(found, call):
    assert call not in found, found[call]


@pytest.mark.parametrize("call", REFUSED.splitlines())
def test_refused(found, call):
    assert call in found

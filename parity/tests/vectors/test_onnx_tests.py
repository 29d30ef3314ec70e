"""The ONNX form: ONNX's own loader and runner take it, and find a wrong backend."""

from __future__ import annotations

import json
import unittest
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.__main__ import main
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.tests.vectors.exported import export
from parity.vectors import cases, manifest, onnx_tests
from parity.vectors.forms import Made

TRANSPOSES = ("conv2d_transpose", "conv2d_backprop_input", "conv1d_transpose")
DTYPES = "float32,float64"
PLAIN = "float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:1"
FORWARD = ("conv2d", "conv1d", "convolution", "depthwise_conv2d", "atrous_conv2d")


def made(token: str) -> Made:
    case = Case.parse(token)
    return Made("one", "", case, cases.arrays(case, {}))


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (PLAIN, ""),
        ("bfloat16 NCHW 1x4x5x5 w3x3x2x6 s2,1 d1,2 1,0,2,1 normal:1", ""),
        (PLAIN.replace("float32", "int32"), "convolves int32"),
        ("float32 NHWC 2x2x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:1", "one batch dimension"),
        ("float32 NHWC 0x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:1", "an empty array"),
        (PLAIN.replace("normal:1", "special:3"), "inf or NaN"),
        (f"conv2d_backprop_filter {PLAIN}", "gradient of filters"),
        (f"separable_conv2d {PLAIN.replace(' s', ' p6x2 s')}", "two operators"),
        (f"depthwise_conv2d {PLAIN.replace('s1,1 d1,1', 's2,2 d2,2')}", "strides and dilates"),
    ],
)
def test_what_it_cannot_express_is_left_out(token: str, why: str) -> None:
    said = onnx_tests.inexpressible(made(token))
    assert why in said if why else not said


def convolved(operator: str, attributes: dict[str, Any], x: Any, w: Any) -> Any:
    """Convolve as ONNX says, in float64, tap by tap; pads are numbers."""
    axes, groups = x.ndim - 2, attributes["group"]
    strides, dilations = attributes["strides"], attributes["dilations"]
    before, after = attributes["pads"][:axes], attributes["pads"][axes:]
    kernel = w.shape[2:]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    x, w = x.astype(np.float64), w.astype(np.float64)
    if operator == "Conv":
        x = np.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)])
        sizes = [(n - r) // s + 1 for n, r, s in zip(x.shape[2:], reach, strides, strict=True)]
        y = np.zeros((len(x), len(w), *sizes))
    else:
        more = attributes["output_padding"]
        whole = [
            s * (n - 1) + r + m
            for s, n, r, m in zip(strides, x.shape[2:], reach, more, strict=True)
        ]
        sizes = list(x.shape[2:])
        y = np.zeros((len(x), w.shape[1] * groups, *whole))
    ins, outs = np.split(np.arange(x.shape[1]), groups), np.split(np.arange(y.shape[1]), groups)
    for tap in np.ndindex(*kernel):
        seen: tuple[Any, ...] = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilations, sizes, strides, strict=True)
        )
        for i, o in zip(ins, outs, strict=True):
            if operator == "Conv":
                weights = w[(o, slice(None), *tap)]
                y[:, o] += np.einsum("nc...,oc->no...", x[(slice(None), i, *seen)], weights)
            else:
                weights = w[(i, slice(None), *tap)]
                y[(slice(None), o, *seen)] += np.einsum("nc...,co->no...", x[:, i], weights)
    if operator == "Conv":
        return y
    cut = (slice(b, n - a) for b, a, n in zip(before, after, whole, strict=True))
    return y[(slice(None), slice(None), *cut)]


@pytest.mark.parametrize("operation", [*FORWARD, *TRANSPOSES, "conv3d", "conv3d_transpose"])
def test_the_operators_and_their_attributes_say_the_same_convolution(operation: str) -> None:
    scope = Scope(operation=operation, dtypes=("float64",), without=frozenset({"rank5", "empties"}))
    told = Counter[str]()
    for case, _, _ in cases.drawn(scope, 11, 60):
        assert case is not None
        one = Made("one", "", case, cases.arrays(case, {}))
        if onnx_tests.inexpressible(one):
            continue
        operator, attributes, arrays = onnx_tests.translated(one)
        if "auto_pad" in attributes:
            axes = Geometry.of(case).axes
            pads = [*(axis.before for axis in axes), *(axis.after for axis in axes)]
            attributes["pads"] = pads
            told["auto_pad"] += 1
        got = convolved(operator, attributes, arrays["X"], arrays["W"])
        bound = max(one.arrays["bound"].max(), 0)
        assert got.shape == arrays["Y"].shape
        assert (np.abs(got - arrays["Y"]) <= bound).all()
        told["groups"] += attributes["group"] > 1
        told["pads"] += any(attributes["pads"])
        told["output_padding"] += any(attributes.get("output_padding", ()))
        told["cases"] += 1
    assert told["cases"] >= 15
    assert told["pads"] >= 5
    assert operation not in FORWARD or told["auto_pad"]
    assert operation not in TRANSPOSES or told["output_padding"]


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: float) -> unittest.TestResult:
    """Run ONNX's runner on ONNX's reference, whose results are `wrong` tolerances off."""
    from onnx.backend.base import Backend, BackendRep, Device, DeviceType
    from onnx.backend.test import loader, runner
    from onnx.reference import ReferenceEvaluator

    class Prepared(BackendRep):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            self._evaluator = ReferenceEvaluator(model)
            folder_of = folder / "simple" / f"test_{model.graph.name}"
            self._atol = json.loads((folder_of / "data.json").read_text())["atol"]

        def run(self, inputs: Any, **named: Any) -> Any:
            with np.errstate(all="ignore"):
                [y] = self._evaluator.run(None, dict(zip("XW", inputs, strict=True)))
            if wrong:
                place = np.unravel_index(np.abs(y).argmin(), y.shape)
                y[place] = max(y[place] + wrong * self._atol, np.nextafter(y[place], np.inf))
            return [y]

    class Reference(Backend):  # type: ignore[misc]
        @classmethod
        def supports_device(cls, device: str) -> bool:
            return bool(Device(device).type == DeviceType.CPU)

        @classmethod
        def prepare(cls, model: Any, device: str = "CPU", **named: Any) -> Prepared:
            return Prepared(model)

    def load(kind: str) -> Any:
        return loader.load_model_tests(str(folder), kind) if kind == "simple" else []

    monkeypatch.setattr(runner, "load_model_tests", load)
    result = unittest.TestResult()
    runner.Runner(Reference, __name__).test_suite.run(result)
    return result


def test_onnx_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    of = ("--operation", *FORWARD, *TRANSPOSES)
    folder = export(tmp_path / "a", "--format", "onnx", "--count", "20", *of, "--dtypes", DTYPES)
    found = manifest.read(folder)
    assert sum(one.name.startswith(FORWARD) for one in found.cases) > 30
    assert sum(one.name.startswith(TRANSPOSES) for one in found.cases) > 10
    assert found.left_out
    for wrong in (0.0, 3.0):
        result = run(folder, monkeypatch, wrong)
        assert result.testsRun == 2 * len(found.cases)  # on CPU; on CUDA, which is skipped
        assert not result.errors
        assert len(result.failures) == (len(found.cases) if wrong else 0)
        assert len(result.skipped) == len(found.cases)
    assert main(["check", str(folder)]) == 2

"""``python -m parity export``: what it writes is exact, whole, small, and read by anyone."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.__main__ import main
from parity.examples.corners import classes, minima
from parity.model.case import Case
from parity.model.subject import Scope
from parity.oracles import bounds
from parity.speed import layers
from parity.tests.vectors.exported import export, read
from parity.vectors import cases

FORMS = ("npz", "json+raw", "c")
SMALL = ("--count", "20", "--operation", "conv2d", "depthwise_conv2d_backprop_filter")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_reads_back_to_the_same_bits(tmp_path: Path, form: str) -> None:
    _, plain = read(export(tmp_path / "plain", "--format", "npz", *SMALL))
    manifest, found = read(export(tmp_path / "found", "--format", form, *SMALL))
    assert len(found) >= 30
    assert manifest.form == form
    for (one, ours), (other, theirs) in zip(plain, found, strict=True):
        assert one.token == other.token
        for mine, yours in zip(ours, theirs, strict=True):
            assert mine.dtype == yours.dtype
            assert mine.tobytes() == yours.tobytes()


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    one, other = (read(export(tmp_path / name, *SMALL))[0] for name in ("one", "other"))
    assert one == other
    assert read(export(tmp_path / "another", "--seed", "1", *SMALL))[0].files != one.files


def test_inputs_are_those_of_the_token_and_outputs_exact(tmp_path: Path) -> None:
    dtypes = ("--dtypes", "float32,bfloat16,int32")
    _, found = read(export(tmp_path / "a", "--corners", "--without", "rank5,empties", *dtypes))
    sides = {"above": 0, "below": 0}
    for vector, (x, w, output, bound) in found:
        case = Case.parse(vector.token)
        for mine, theirs in zip((x, w), case.arrays(), strict=True):
            assert mine.tobytes() == theirs.tobytes()
        if case.dtype == "int32":
            np.testing.assert_array_equal(output, bounds.integers(case, x, w))
            assert not bound.any()
        elif case.kind != "special":
            # float64 holds these sums to 1e-16 of g: nothing that is nearer than a half is left.
            value = bounds.allow(case, x, w, flush=False).value.astype(output.dtype)
            differs = output != value
            assert np.count_nonzero(differs) <= 0.01 * differs.size
            sides["above"] += int((output.astype(float) > 0).sum())
            sides["below"] += int((output.astype(float) < 0).sum())
    assert min(sides.values()) > 500


def test_bounds_are_around_outputs_not_around_exact_sums() -> None:
    case = Case.parse("bfloat16 NHWC 1x6x6x8 w3x3x8x4 s1,1 d1,1 SAME normal:3")
    found = cases.arrays(case, {})
    kept = bounds.allow(case, *case.arrays(), flush=False)
    apart = np.abs(found["output"].astype(float) - kept.value)
    assert (apart > 0).any()
    assert (found["bound"] >= kept.bound * (1 - 1e-3) + apart).all()
    assert (found["bound"] <= 2.1 * kept.bound).all()
    wide = cases.arrays(case, {"accumulate": "bfloat16"})["bound"]
    assert (wide > 10 * found["bound"]).any()


def test_each_corner_class_is_there_in_each_dtype(tmp_path: Path) -> None:
    manifest, found = read(export(tmp_path / "a", "--corners", "--dtypes", "float32,float16"))
    assert not manifest.left_out
    for dtype in ("float32", "float16"):
        mine = [Case.parse(one.token) for one, _ in found]
        met = {name for case in mine if case.dtype == dtype for name in classes(case)}
        wanted = minima(Scope())
        assert set(wanted) <= met
        kinds = {case.kind for case in mine if case.dtype == dtype}
        assert kinds == {"bounded", "normal", "lattice", "special"}


@pytest.mark.parametrize("name", ["resnet50", "depthwise", "backprop_filter", "c3d", "groups"])
def test_layers_are_cut_down_but_keep_what_their_steps_leave_over(name: str) -> None:
    for layer in layers.read(name):
        chosen = cases.of_layer(layer, "float32", 5)
        whole, case = layer.case, chosen.case
        assert case is not None
        assert cases.elements(case) < 20_000
        assert whole.token().split(" normal")[0] in chosen.why
        assert (case.strides, case.padding) == (whole.strides, whole.padding)
        assert case.filters_shape[: len(case.strides)] == whole.filters_shape[: len(case.strides)]
        pads = [[(axis.before, axis.after) for axis in one.axes()] for one in (case, whole)]
        assert pads[0] == pads[1]
        assert all(case.output_shape)


def test_what_it_writes_is_read_by_the_standard_library_alone(tmp_path: Path) -> None:
    folder = export(tmp_path / "a", "--format", "json+raw", "--count", "40", "--without", "empties")
    _, expected = read(folder)
    by_name = {vector.name: arrays for vector, arrays in expected}
    read_without = list(_without_numpy(folder))
    assert len(read_without) == 4 * 40
    for case, place, shape, numbers in read_without:
        array = by_name[case][place]
        assert array.shape == shape
        mine = np.array(numbers, np.float64).reshape(shape)
        np.testing.assert_array_equal(mine, array.astype(np.float64))


def _without_numpy(folder: Path) -> Iterator[tuple[str, int, tuple[int, ...], list[float]]]:
    """Yield every array, its case and place; this is all that a reader needs."""
    codes = {"float16": "e", "float32": "f", "float64": "d", "int32": "i", "bfloat16": "H"}
    manifest = json.loads((folder / "manifest.json").read_text())
    for vector in manifest["cases"]:
        for place, tensor in enumerate(vector["tensors"]):
            count, shape = math.prod(tensor["shape"]), tensor["shape"]
            assert tensor["strides"] == [math.prod(shape[i + 1 :]) for i in range(len(shape))]
            code = f"<{count}{codes[tensor['dtype']]}"
            numbers: list[Any] = list(struct.unpack(code, (folder / tensor["file"]).read_bytes()))
            if tensor["dtype"] == "bfloat16":
                words = struct.pack(f"<{count}I", *(one << 16 for one in numbers))
                numbers = list(struct.unpack(f"<{count}f", words))
            yield vector["name"], place, tuple(shape), numbers


def test_one_by_hand() -> None:
    case = Case.parse("float32 NHWC 1x3x3x2 w2x2x2x1 s1,1 d1,1 VALID normal:1")
    x, w = case.arrays()
    found = cases.arrays(case, {})
    for row, column in np.ndindex(2, 2):
        pixels = x[0, row : row + 2, column : column + 2].flat
        pairs = zip(pixels, w.flat, strict=True)
        products = [Fraction(float(one)) * Fraction(float(other)) for one, other in pairs]
        exact, gross = sum(products), sum(map(abs, products))
        got = Fraction(float(found["output"][0, row, column, 0]))
        assert abs(got - exact) <= Fraction(float(np.spacing(np.float32(abs(got))))) / 2
        unit = Fraction(1, 2**24)
        least = 8 * unit / (1 - 8 * unit) * gross + abs(got - exact)
        assert least <= Fraction(float(found["bound"][0, row, column, 0])) <= least + unit * gross


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--count", "3", "--seed", "-1"), "--seed has to be 0 or more"),
        (("--count", "3", "--accumulate", "float13"), "accumulate"),
        (("--count", "3", "--dtypes", "int32", "--operation", "conv3d"), "there is no such case"),
        (("--layers", "c3d", "--operation", "conv2d"), "there is no such case"),
    ],
)
def test_wrong_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert main(["export", str(tmp_path / "a"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")
    assert main(["export", str(tmp_path), "--count", "3"]) == 2
    assert "is there, and no empty folder" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "no" / "where"), "--count", "3"]) == 2


def test_it_says_that_it_needs_npconv(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.vectors.export.find_spec", lambda name: None)
    assert main(["export", str(tmp_path / "a"), "--count", "3"]) == 2
    assert "needs npconv, which is not installed" in capsys.readouterr().err

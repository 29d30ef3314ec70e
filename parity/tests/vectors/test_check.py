"""``python -m parity check``: what it finds, what it lets pass, and what it calls a wrong call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from parity.__main__ import main
from parity.model.case import Array
from parity.model.verdict import WrongCall
from parity.tests.vectors.exported import HERE, export, leave, read
from parity.vectors.check import compared
from parity.vectors.manifest import Tensor, in_dtype

FLOATS = ("--count", "24", "--dtypes", "float32,float64,bfloat16", "--without", "empties")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("vectors") / "a", *FLOATS)


@pytest.mark.parametrize("form", ["npz", "json+raw", "c"])
def test_npconv_agrees(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    of = ("--operation", "conv2d", "conv1d_transpose")
    folder = export(tmp_path / "a", "--format", form, "--count", "8", *of)
    assert main(["check", str(folder)]) == 0
    assert "16 of 16 cases within their bounds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("subject", "code", "said"),
    [
        ("parity.mutants:textbook", 0, "24 of 24 cases within"),
        ("parity.mutants:same_lower", 1, "outputs beyond the bound, the worst at (0,"),
        (f"{HERE}:flipped", 1, "float32 NHWC"),
        (f"{HERE}:refusing", 3, "8 of 24 cases have no result"),
        (f"{HERE}:dying", 1, "ended with exit status 3, in a call of the subject"),
        (f"{HERE}:nowhere", 2, "cannot be imported"),
    ],
)
def test_subjects(
    folder: Path, capsys: pytest.CaptureFixture[str], subject: str, code: int, said: str
) -> None:
    assert main(["check", str(folder), "--subject", subject]) == code
    captured = capsys.readouterr()
    assert said in captured.out + captured.err


def test_what_is_not_claimed_is_not_asked(folder: Path) -> None:
    dtypes = ["--dtypes", "float32,bfloat16"]
    assert main(["check", str(folder), "--subject", f"{HERE}:refusing", *dtypes]) == 0
    assert main(["check", str(folder), "--dtypes", "int32"]) == 2


@pytest.mark.parametrize("sign", [-1, 1])
def test_results_just_within_pass_and_just_beyond_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sign: int
) -> None:
    # Of float64, in which bounds of some hundred terms are no rounding of the results.
    of = ("--operation", "conv2d_backprop_filter", "--without", "empties")
    folder = export(tmp_path / "a", "--count", "12", "--dtypes", "float64", *of)
    for times, code in ((0.0, 0), (0.99 * sign, 0), (1.01 * sign, 1)):
        for vector, (*_, output, bound) in read(folder)[1]:
            moved = _off(output, bound, times) if vector.name.endswith("_1") else output
            np.save(tmp_path / f"{vector.name}.npy", moved)
        assert main(["check", str(folder), "--outputs", str(tmp_path)]) == code
        assert ("ratio 1.0" in capsys.readouterr().out) == (code == 1)


def _off(output: Array, bound: Array, times: float) -> Array:
    """Return results of which one, with the widest bound for its size, is so many bounds off."""
    moved = output.copy()
    place = np.argmax(np.where(np.isfinite(bound), bound / np.abs(output), 0))
    assert bound.flat[place] > 200 * np.spacing(abs(output.flat[place]))
    moved.flat[place] += times * bound.flat[place]
    return moved


def test_outputs_are_read_as_npy_and_as_bytes(tmp_path: Path, folder: Path) -> None:
    outputs = leave(folder, tmp_path / "left")
    assert main(["check", str(folder), "--outputs", str(outputs)]) == 0
    for vector, (*_, output, _) in read(folder)[1]:
        (outputs / f"{vector.name}.npy").unlink()
        (outputs / f"{vector.name}.bin").write_bytes(output.tobytes())
    assert main(["check", str(folder), "--outputs", str(outputs)]) == 0


def test_a_missing_output_is_too_little(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = leave(folder, tmp_path / "left")
    (outputs / "conv2d_float32_0.npy").unlink()
    assert main(["check", str(folder), "--outputs", str(outputs)]) == 3
    assert "1 of 24 cases have no result, the first conv2d_float32_0" in capsys.readouterr().out
    assert main(["check", str(folder), "--outputs", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda array: array[..., None],
        lambda array: array.astype(np.float64),
        lambda array: array.astype(object),
        lambda array: array.reshape(-1)[:-1],
    ],
)
def test_another_shape_or_dtype_disagrees(tmp_path: Path, folder: Path, wrong: object) -> None:
    outputs = leave(folder, tmp_path / "left")
    file = outputs / "conv2d_float32_0.npy"
    assert callable(wrong)
    np.save(file, wrong(np.load(file)))  # the objects are pickled, and so not loaded
    assert main(["check", str(folder), "--outputs", str(outputs)]) == 1
    file.unlink()
    file.with_suffix(".bin").write_bytes(b"123")
    assert main(["check", str(folder), "--outputs", str(outputs)]) == 1


@pytest.mark.parametrize("form", ["npz", "json+raw", "c"])
def test_a_flipped_byte_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    folder = export(tmp_path / "a", "--format", form, "--count", "3")
    files = [path for path in folder.rglob("*.*") if path.name != "manifest.json"]
    for file in files:
        kept = file.read_bytes()
        changed = bytearray(kept)
        changed[len(kept) // 2] ^= 1
        file.write_bytes(changed)
        assert main(["check", str(folder)]) == 2
        assert f"{file} has changed" in capsys.readouterr().err
        file.write_bytes(kept)
    assert main(["check", str(folder)]) == 0
    file.unlink()
    assert main(["check", str(folder)]) == 2
    assert f"lists {file.relative_to(folder).as_posix()}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("cases", 0, "token"), "__import__('os')"),
        (("cases", 0, "token"), "float32 NHWC 1x5x5x3"),
        (("cases", 0, "tensors", 0, "file"), "../elsewhere.bin"),
        (("cases", 0, "tensors", 0, "dtype"), "object"),
        (("cases", 0, "tensors", 2, "shape"), [1, 1, 1, 7]),
        (("cases", 0, "tensors"), []),
        (("cases", 0, "tensors", 1, "name"), "bound"),
        (("cases", 0), {"name": 3}),
        (("files",), {"../elsewhere.bin": "0" * 64}),
        (("format",), "another 1"),
    ],
)
def test_a_manifest_that_is_none_is_a_wrong_call(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    folder = export(tmp_path / "a", "--format", "json+raw", "--count", "3")
    (tmp_path / "elsewhere.bin").write_bytes(b"")
    manifest = json.loads((folder / "manifest.json").read_text())
    *path, last = place
    inside = manifest
    for step in path:
        inside = inside[step]
    inside[last] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for option in ("--subject", "npconv"), ("--outputs", str(tmp_path)):
        assert main(["check", str(folder), *option]) == 2


def test_nothing_but_empty_outputs_is_too_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "a", "--count", "1", "--seed", "0", "--dtypes", "float32")
    for seed in range(60):
        [(vector, (*_, output, _))] = read(folder)[1]
        if not output.size:
            break
        of = ("--count", "1", "--seed", str(seed), "--dtypes", "float32")
        folder = export(tmp_path / f"b{seed}", *of)
    assert not output.size, vector.token
    capsys.readouterr()
    assert main(["check", str(folder)]) == 3
    assert "MISTRUSTED: no output was compared" in capsys.readouterr().out


def test_one_callable_is_not_two_operations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(tmp_path / "a", "--count", "2", "--operation", "conv2d", "conv3d")
    assert main(["check", str(folder), "--subject", "parity.mutants:textbook"]) == 2
    assert "cases of conv2d, conv3d: --subject MODULE has them all" in capsys.readouterr().err


def test_what_no_bound_is_said_of() -> None:
    bound = np.array([np.inf, np.nan, np.nan, np.nan, 0.0])
    right = np.array([1.0, np.inf, -np.inf, np.nan, 2.0])
    assert (
        compared(np.array([np.nan, np.inf, -np.inf, np.nan, 2.0]), right, bound).status == "agrees"
    )
    for place, wrong in ((1, 3e38), (1, np.nan), (2, np.inf), (3, 0.0), (3, np.inf), (4, np.nan)):
        got = right.copy()
        got[place] = wrong
        found = compared(got, right, bound)
        assert (found.status, found.ratio) == ("DISAGREES", np.inf)
        assert f"the worst at ({place},)" in found.said


def test_halves_may_come_as_bits() -> None:
    tensor = Tensor("output", "bfloat16", (2,), (1,), "")
    bits = np.array([0x3F80, 0xC000], "<u2")
    for given in (bits, bits.view("V2"), bits.astype(">u2")):
        assert in_dtype(given, tensor).astype(float).tolist() == [1.0, -2.0]
    with pytest.raises(ValueError, match="has to be"):
        in_dtype(bits.astype(np.int16), tensor)


def test_the_checker_needs_neither_npconv_nor_tensorflow(tmp_path: Path, folder: Path) -> None:
    outputs = leave(folder, tmp_path / "left")
    script = (
        "import sys\n"
        "sys.modules['npconv'] = sys.modules['tensorflow'] = None\n"
        "from parity.__main__ import main\n"
        f"sys.exit(main(['check', {str(folder)!r}, '--outputs', {str(outputs)!r}]))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_folder_without_a_manifest() -> None:
    from parity.vectors import manifest

    with pytest.raises(WrongCall, match="no manifest of golden vectors"):
        manifest.read(Path(__file__).parent)

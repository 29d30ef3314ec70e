"""Cases as files: NumPy's npz, raw bytes, or one C header."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from parity.model.case import Array
from parity.vectors import backend_tests
from parity.vectors.header import header
from parity.vectors.manifest import Tensor, Tolerance, Vector, stored
from parity.vectors.values import Values

FORMS = ("npz", "json+raw", "c", "onnx")
HEADER = "vectors.h"


def write(folder: Path, form: str, named: Mapping[str, tuple[str, Values]]) -> list[Vector]:
    """Write cases, each with why it is there, by their names; return what a manifest says."""
    if form == "onnx":
        return backend_tests.write(folder, named)
    vectors = [_vector(name, why, values, form) for name, (why, values) in named.items()]
    if form == "c":
        text = header([(one, named[one.name][1]) for one in vectors])
        (folder / HEADER).write_text(text, encoding="ascii")
        return vectors
    for name, (_, values) in named.items():
        kept = {one: as_bits(array) for one, array in values.arrays.items()}
        if form == "npz":
            np.savez(folder / f"{name}.npz", **kept)  # type: ignore[arg-type]
            continue
        (folder / name).mkdir()
        for one, array in kept.items():
            (folder / name / f"{one}.bin").write_bytes(array.tobytes())
    return vectors


def as_bits(array: Array) -> Array:
    """Return an array as a file keeps it: C order, little-endian, bfloat16 as uint16."""
    kept = np.ascontiguousarray(array)
    if array.dtype.name == "bfloat16":
        kept = kept.view(np.uint16)
    return kept.astype(stored(array.dtype.name), copy=False)


def _vector(name: str, why: str, values: Values, form: str) -> Vector:
    tensors = {one: _tensor(name, one, array, form) for one, array in values.arrays.items()}
    case = values.case
    return Vector(
        name,
        why,
        case.token(),
        f"tf.{case.of.tensorflow}",
        case.arguments(),
        tuple(tensors[one] for one in case.of.arrays),
        tensors["output"],
        Tolerance("componentwise bound", tensors["bound"], tensors.get("flushing")),
    )


def _tensor(case: str, name: str, array: Array, form: str) -> Tensor:
    file, member = {
        "npz": (f"{case}.npz", name),
        "json+raw": (f"{case}/{name}.bin", ""),
        "c": (HEADER, f"{case}_{name}"),
    }[form]
    return Tensor.of(array, name, file, member)

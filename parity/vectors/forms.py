"""Cases as NumPy's npz files, as raw bytes, or as one C header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parity.model.case import Array, Case
from parity.vectors.manifest import Tensor, Vector, stored

HEADER = "vectors.h"
_TYPES = {"float16": "uint16_t", "bfloat16": "uint16_t", "float32": "float", "float64": "double",
          "int32": "int32_t"}  # fmt: skip
_BEFORE = """\
/* Golden vectors, see manifest.json. Floats are hexadecimal, and so not rounded; float16 and
 * bfloat16 are bits. A result is right where |result - output| <= bound. */
#ifndef PARITY_VECTORS_H
#define PARITY_VECTORS_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct parity_array {
    const char *name, *dtype;
    const void *data;
    size_t count;
    int rank, shape[8];
};
struct parity_vector {
    const char *name, *token, *operation, *data_format, *padding;
    int axes, strides[3], dilations[3], pads[6]; /* of each axis, before and after */
    int array_count;
    struct parity_array arrays[5]; /* inputs, then output and bound */
};
"""


class Made(NamedTuple):
    """A case, what it is called and why it is there, and its arrays by their names."""

    name: str
    why: str
    case: Case
    arrays: dict[str, Array]

    def vector(self, tensors: Iterable[Tensor]) -> Vector:
        """Return what a manifest says of it."""
        case, operation = self.case, f"tf.{self.case.of.tensorflow}"
        arguments = case.arguments()
        return Vector(self.name, self.why, case.token(), operation, arguments, tuple(tensors))


def write(folder: Path, form: str, cases: list[Made]) -> list[Vector]:
    """Write the files of some cases; return what a manifest says of them."""
    vectors = []
    for made in cases:
        name, bits = made.name, {one: _bits(array) for one, array in made.arrays.items()}
        if form == "npz":
            np.savez(folder / f"{name}.npz", **bits)  # type: ignore[arg-type]
        elif form == "json+raw":
            (folder / name).mkdir()
            for one, array in bits.items():
                (folder / name / f"{one}.bin").write_bytes(array.tobytes())
        file, member = {
            "npz": ("{case}.npz", "{array}"),
            "json+raw": ("{case}/{array}.bin", ""),
            "c": (HEADER, "{case}_{array}"),
        }[form]
        vectors.append(
            made.vector(
                Tensor.of(array, one, *(x.format(case=name, array=one) for x in (file, member)))
                for one, array in made.arrays.items()
            )
        )
    if form == "c":
        (folder / HEADER).write_text("\n".join(_header(cases, vectors)), encoding="ascii")
    return vectors


def _bits(array: Array) -> Array:
    """Return an array as files hold it."""
    kept = np.ascontiguousarray(array)
    kept = kept.view(np.uint16) if array.dtype.name == "bfloat16" else kept
    return kept.astype(stored(array.dtype.name), copy=False)


def _header(cases: list[Made], vectors: list[Vector]) -> Iterator[str]:
    """Yield a C99 header's parts: an array for each tensor, and a table of all."""
    yield _BEFORE
    rows = []
    for (_, _, case, arrays), vector in zip(cases, vectors, strict=True):
        structs = []
        for one in vector.tensors:
            array = np.ascontiguousarray(arrays[one.name]).reshape(-1)
            array = array.view(np.uint16) if _TYPES[one.dtype] == "uint16_t" else array
            words = [_number(number, one.dtype) for number in array.tolist()] or ["0"]
            lines = (", ".join(words[at : at + 8]) for at in range(0, len(words), 8))
            of = f"{_TYPES[one.dtype]} {one.member}[{len(words)}]"
            yield f"static const {of} = {{\n    " + ",\n    ".join(lines) + "};\n"
            about = f'"{one.name}", "{one.dtype}", {one.member}, {prod(one.shape)}'
            structs.append(f"{{{about}, {len(one.shape)}, {_list(one.shape)}}}")
        padding = case.padding if isinstance(case.padding, str) else "EXPLICIT"
        words = [case.operation, case.of.format_name(case.data_format), padding]
        pads = [pad for axis in case.axes() for pad in (axis.before, axis.after)]
        rows.append(
            "    {" + ", ".join(f'"{word}"' for word in (vector.name, vector.token, *words)) + ",\n"
            f"     {len(case.strides)}, {_list(case.strides)}, {_list(case.dilations)},"
            f" {_list(pads)}, {len(structs)},\n     {{" + ",\n      ".join(structs) + "}}"
        )
    yield "static const struct parity_vector parity_vectors[] = {\n" + ",\n".join(rows) + "};\n"
    yield f"static const size_t parity_vector_count = {len(rows)};\n#endif\n"


def _number(number: float, dtype: str) -> str:
    if isinstance(number, int):
        return str(number)
    if not np.isfinite(number):
        return "NAN" if np.isnan(number) else "INFINITY" if number > 0 else "-INFINITY"
    return re.sub(r"\.?0*p", "p", number.hex()) + "f" * (dtype == "float32")


def _list(numbers: Iterable[int]) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"

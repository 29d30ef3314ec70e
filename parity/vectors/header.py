"""Cases as one C99 header: an array for each tensor, and a table of structs over them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import prod

import numpy as np

from parity.model.case import Array
from parity.vectors.manifest import Tensor, Vector
from parity.vectors.values import Values

_TYPES = {"float16": "uint16_t", "bfloat16": "uint16_t", "float32": "float", "float64": "double",
          "int32": "int32_t"}  # fmt: skip
_BEFORE = """\
/* Golden vectors of tf.nn.conv2d and its family, see manifest.json beside.
 * Floats are hexadecimal, so that none is rounded; float16 and bfloat16 are bits, in uint16_t.
 * A result is right where |result - output| <= bound; an infinite bound allows anything.
 */
#ifndef PARITY_VECTORS_H
#define PARITY_VECTORS_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct parity_array {
    const char *name, *dtype;
    const void *data;
    size_t count;
    int rank;
    int shape[8];
};

struct parity_vector {
    const char *name, *token, *operation, *data_format, *padding; /* SAME, VALID or EXPLICIT */
    int axes, strides[3], dilations[3], pads[6];                  /* of each axis, before, after */
    int input_count;
    struct parity_array inputs[3], output, bound;
    struct parity_array flushing; /* the bound where subnormals are flushed; no data: the same */
};
"""
_PER_LINE = 8


def header(cases: Iterable[tuple[Vector, Values]]) -> str:
    """Return the header's text, whose arrays `parity.vectors.manifest.array` reads again."""
    parts, rows = [_BEFORE], list[str]()
    for vector, (case, arrays) in cases:
        of = vector.tolerance
        tensors = [*vector.inputs, vector.output, of.bound, of.flushing]
        parts += [_definition(one, arrays[one.name]) for one in vector.tensors]
        axes = case.axes()
        pads = [pad for axis in axes for pad in (axis.before, axis.after)]
        padding = case.padding if isinstance(case.padding, str) else "EXPLICIT"
        words = vector.name, vector.token, case.operation, case.of.format_name(case.data_format)
        inputs = ", ".join(map(_struct, vector.inputs))
        rows.append(
            f"    {{{', '.join(map(_quoted, (*words, padding)))},\n"
            f"     {len(axes)}, {_list(case.strides)}, {_list(case.dilations)}, {_list(pads)},\n"
            f"     {len(vector.inputs)}, {{{inputs}}},\n"
            f"     {', '.join(map(_struct, tensors[len(vector.inputs) :]))}}},\n"
        )
    table = f"static const struct parity_vector parity_vectors[] = {{\n{''.join(rows)}}};\n"
    parts += [table, f"static const size_t parity_vector_count = {len(rows)};\n\n#endif\n"]
    return "\n".join(parts)


def _definition(tensor: Tensor, array: Array) -> str:
    bits = array.dtype.name in ("float16", "bfloat16")
    flat = np.ascontiguousarray(array).reshape(-1)
    numbers = (flat.view(np.uint16) if bits else flat).tolist() or [0]  # no array is empty in C
    words = [_number(one, single=array.dtype.name == "float32") for one in numbers]
    lines = (words[at : at + _PER_LINE] for at in range(0, len(words), _PER_LINE))
    body = ",\n".join(f"    {', '.join(line)}" for line in lines)
    return (
        f"static const {_TYPES[array.dtype.name]} {tensor.member}[{len(words)}] = {{\n{body}}};\n"
    )


def _number(number: float, *, single: bool) -> str:
    if isinstance(number, int):
        return str(number)
    if not np.isfinite(number):
        return "NAN" if np.isnan(number) else "INFINITY" if number > 0 else "-INFINITY"
    return re.sub(r"\.?0*p", "p", number.hex()) + "f" * single


def _struct(tensor: Tensor | None) -> str:
    if tensor is None:
        return "{0}"
    data = f"{_quoted(tensor.name)}, {_quoted(tensor.dtype)}, {tensor.member}"
    return f"{{{data}, {prod(tensor.shape)}, {len(tensor.shape)}, {_list(tensor.shape)}}}"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _list(numbers: Iterable[int]) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"

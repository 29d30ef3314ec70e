"""The C form: it compiles without a warning, and C finds the same bits in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from parity.model.case import Case
from parity.tests.vectors.exported import export, read

COMPILER = shutil.which("cc")
PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include "vectors.h"

/* Print each array as its bytes, the last first, whatever their order in memory. */
static void print(const struct parity_array *array) {
    size_t size = strcmp(array->dtype, "float64") == 0 ? 8 : strstr(array->dtype, "16") ? 2 : 4;
    const int one = 1;
    printf("%s %s %d", array->name, array->dtype, array->rank);
    for (int axis = 0; axis < array->rank; axis++) printf(" %d", array->shape[axis]);
    printf(" ");
    for (size_t at = 0; at < array->count; at++)
        for (size_t byte = 0; byte < size; byte++) {
            size_t place = *(const char *)&one ? byte : size - 1 - byte;
            printf("%02x", ((const unsigned char *)array->data)[at * size + place]);
        }
    printf("\n");
}

int main(void) {
    for (size_t at = 0; at < parity_vector_count; at++) {
        const struct parity_vector *one = &parity_vectors[at];
        printf("%s|%s|%s|%s|%s", one->name, one->token, one->operation, one->data_format,
               one->padding);
        for (int axis = 0; axis < one->axes; axis++)
            printf("|%d,%d,%d,%d", one->strides[axis], one->dilations[axis], one->pads[2 * axis],
                   one->pads[2 * axis + 1]);
        printf("\n");
        for (int array = 0; array < one->array_count; array++) print(&one->arrays[array]);
    }
    return 0;
}
"""


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    "options",
    [
        ("--count", "40", "--operation", "conv2d", "conv3d", "conv2d_backprop_input"),
        ("--corners", "--dtypes", "float32,int32", "--operation", "depthwise_conv2d"),
        ("--count", "15", "--operation", "separable_conv2d"),
    ],
)
def test_a_program_finds_the_same_bits(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = export(tmp_path / "a", "--format", "c", *options)
    (tmp_path / "read.c").write_text(PROGRAM)
    program = str(tmp_path / "read")
    strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{folder}"]
    subprocess.run([str(COMPILER), *strict, "-o", program, f"{program}.c"], check=True)
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    expected = []
    for vector, arrays in read(folder)[1]:
        case = Case.parse(vector.token)
        padding = case.padding if isinstance(case.padding, str) else "EXPLICIT"
        words = vector.name, vector.token, case.operation, case.of.format_name(case.data_format)
        steps = zip(case.strides, case.dilations, case.axes(), strict=True)
        axes = (f"|{stride},{dilation},{a.before},{a.after}" for stride, dilation, a in steps)
        expected.append("|".join((*words, padding)) + "".join(axes))
        for tensor, array in zip(vector.tensors, arrays, strict=True):
            little = array.astype(array.dtype.newbyteorder("<")).tobytes().hex()
            shape = " ".join(map(str, (len(array.shape), *array.shape)))
            expected.append(f"{tensor.name} {tensor.dtype} {shape} {little}")
    assert len(expected) > 50
    assert printed.splitlines() == expected

"""The C form: it compiles without a warning, and C finds the same bits in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from parity.__main__ import main
from parity.model.case import Case
from parity.tests.vectors.exported import export, read

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
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


KERNEL = r"""
#include <stdio.h>
#include "vectors.h"

static float output(const struct parity_vector *v, int n, int row, int column, int to) {
    const int *x = v->arrays[0].shape, *w = v->arrays[1].shape, *y = v->arrays[2].shape;
    const float *input = v->arrays[0].data, *filters = v->arrays[1].data;
    int first = to / (y[3] / (x[3] / w[2])) * w[2]; /* of the group's channels */
    float sum = 0;
    for (int i = 0; i < w[0]; i++)
        for (int j = 0; j < w[1]; j++)
            for (int from = 0; from < w[2]; from++) {
                int r = row * v->strides[0] + i * v->dilations[0] - v->pads[0];
                int c = column * v->strides[1] + j * v->dilations[1] - LEFT;
                int inside = r >= 0 && r < x[1] && c >= 0 && c < x[2];
                int pixel = ((n * x[1] + r) * x[2] + c) * x[3] + first + from;
                int tap = ((i * w[1] + j) * w[2] + from) * w[3] + to;
                sum += (inside ? input[pixel] : 0) * filters[tap];
            }
    return sum;
}

/* Convolve each case, NHWC and float, as it is written; leave NAME.bin. */
int main(void) {
    for (size_t at = 0; at < parity_vector_count; at++) {
        const int *y = parity_vectors[at].arrays[2].shape;
        char name[256];
        snprintf(name, sizeof name, "%s.bin", parity_vectors[at].name);
        FILE *file = fopen(name, "wb");
        if (!file) return 1;
        for (int n = 0; n < y[0]; n++)
            for (int row = 0; row < y[1]; row++)
                for (int column = 0; column < y[2]; column++)
                    for (int to = 0; to < y[3]; to++) {
                        float sum = output(&parity_vectors[at], n, row, column, to);
                        fwrite(&sum, sizeof sum, 1, file);
                    }
        fclose(file);
    }
    return 0;
}
"""


@needs_compiler
def test_a_kernel_in_c_is_held_to_the_bounds_by_what_it_leaves(tmp_path: Path) -> None:
    of = ("--dtypes", "float32", "--layouts", "NHWC", "--without", "rank5,empties")
    folder = export(tmp_path / "a", "--format", "c", "--corners", *of)
    for left, code in (("v->pads[2]", 0), ("v->pads[3]", 1)):
        compiled(tmp_path, KERNEL.replace("LEFT", left), folder)
        subprocess.run([tmp_path / "program"], check=True, cwd=tmp_path)
        assert main(["check", str(folder), "--outputs", str(tmp_path)]) == code


def compiled(folder: Path, text: str, header: Path) -> None:
    """Compile a program without a warning."""
    (folder / "program.c").write_text(text)
    strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    command = [str(COMPILER), *strict, f"-I{header}", "-o", "program", "program.c"]
    subprocess.run(command, check=True, cwd=folder)


@needs_compiler
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
    compiled(tmp_path, PROGRAM, folder)
    program = [tmp_path / "program"]
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout
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

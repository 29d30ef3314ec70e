"""Layers that each algorithm can compute, of several tiles."""

from __future__ import annotations

import pytest

ALGORITHMS = ["depthwise", "block-Toeplitz", "kn2row", "im2col"]
# Input, filters, strides, padding, and a word of how explain says that float32 is cut.
LAYERS = {
    "im2col": ((2, 40, 50, 16), (3, 3, 16, 24), (1, 1), "SAME", ""),
    "im2col, the image itself": ((1, 60, 60, 32), (1, 1, 32, 48), (1, 1), "SAME", ""),
    "im2col, filters in shares": ((1, 14, 14, 128), (3, 3, 128, 256), (1, 1), "SAME", "filters"),
    "im2col, sums in parts": ((1, 7, 6, 7000), (9, 9, 7000, 2), (1, 1), "SAME", "taps of"),
    "im2col, groups": ((2, 31, 30, 48), (3, 3, 16, 96), (1, 1), "SAME", ""),
    "im2col, groups in shares": ((2, 3, 4, 500), (5, 4, 125, 504), (1, 1), "SAME", "filters"),
    "im2col, batches": ((41, 9, 9, 32), (3, 3, 32, 33), (1, 1), "VALID", ""),
    "block-Toeplitz": ((3, 61, 67, 1), (5, 4, 1, 3), (1, 1), "SAME", "a patch"),
    "block-Toeplitz, strides": ((1, 90, 91, 3), (7, 7, 3, 4), (2, 3), "VALID", "a patch"),
    "block-Toeplitz, groups": ((1, 60, 61, 8), (3, 3, 2, 8), (1, 1), "SAME", "a patch"),
    "block-Toeplitz, batches": ((70, 13, 11, 2), (3, 3, 2, 5), (1, 1), "SAME", "a patch"),
    "kn2row": ((1, 70, 60, 64), (3, 5, 64, 2), (1, 1), "SAME", ""),
    "kn2row, batches": ((9, 16, 17, 96), (3, 2, 96, 3), (1, 1), "VALID", ""),
    "depthwise": ((2, 56, 57, 96), (3, 3, 1, 96), (1, 1), "SAME", ""),
    "depthwise, strides": ((1, 80, 81, 64), (5, 3, 1, 128), (2, 3), "SAME", ""),
    "depthwise, channels in shares": ((1, 12, 150, 510), (9, 1, 1, 510), (1, 1), "SAME", "filters"),
}  # fmt: skip


def name_of(layer):
    return layer.partition(",")[0]


FORCED_LAYERS = pytest.mark.parametrize(
    ("layer", "forced"), [(one, name_of(one)) for one in LAYERS], indirect=["forced"]
)

"""The acceptance rules, one row a call: what is taken, what is refused, and why.

Those of `conv2d` are numbered in the order in which TensorFlow applies them: 1 signature, 2 padding
list, 3 data_format, 4 lengths of strides and dilations, 5 input's rank, 6 integers, 7 dtypes,
8 strings, 9 int32 range, 10-13 strides and dilations, 14 explicit padding, 15 ranks,
16 size limits, 17 in_channels, 18 output size, 19 result too large, 20 empty output,
21 empty input, 22 NCHW, 23 huge padding, 24 empty kernel, 25 groups.

Those of the rest of the family have the names of what they are about: "signature", "strides", ...,
"gradients" (the sizes that one may have), "sizes" (how they are written), "empties".

A row is plain data, so that the same table can be asked of npconv and of TensorFlow.  Of
TensorFlow's exceptions only "rejected" is compared: the classes differ on purpose.
"""

from __future__ import annotations

from parity.rules import arrays, attributes, family, sizes
from parity.rules.row import Row

__all__ = ["CONV2D", "ROWS", "Row"]

_PARTS = (
    *(attributes.signature(), attributes.steps("strides", 10, 11)),
    *(attributes.steps("dilations", 12, 13), attributes.pads(), attributes.paddings()),
    *(attributes.data_formats(), arrays.dtypes(), arrays.lists(), arrays.ranks(), arrays.limits()),
    *(sizes.channels(), sizes.outputs(), sizes.no_output(), sizes.no_input()),
    *(sizes.huge_padding(), sizes.kernels_and_groups()),
)
CONV2D: tuple[Row, ...] = tuple(
    sorted((row for part in _PARTS for row in part), key=lambda row: int(row.rule))
)
ROWS: tuple[Row, ...] = (*CONV2D, *family.rows())

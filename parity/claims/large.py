"""Sizes beyond the tiles of buffers, the blocks of registers and the shares of threads.

Kernels cut rows, columns, channels, filters and batch into blocks of 8 to 64, and what they copy
into buffers that fit a cache; what is left over at the end of each takes another road.  Sizes are
therefore blocks and a tail, and in some cases one dimension alone fills more than a buffer.  Whole
numbers, compared bit for bit with TensorFlow and with sums that are exact in any order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from hypothesis.strategies import SearchStrategy

from parity.claims import exact
from parity.claims.claim import Claim
from parity.examples import corners
from parity.examples.strategies import Dials, built, paddings
from parity.model.axis import Axis
from parity.model.case import DTYPES, Case
from parity.model.geometry import Geometry, output_shape
from parity.model.subject import Scope

WORK = 20_000_000  # multiply-adds of a case, at the most
BUFFER = 2 << 20  # bytes: npconv's for patches, and of the order of a cache
COUNTED = 1 << 16  # pixels of an image that an index of 16 bits counts
OUTSIDE = ("batch", "rows", "columns")
INSIDE = ("kernel rows", "kernel columns", "channels", "filters", "groups")
"""What may by itself fill more than a buffer: outputs, or a single patch or pixel of the output."""


class Sizes(NamedTuple):
    """A call in the sizes of its output; groups, and what each of them has."""

    batch: int
    rows: int
    columns: int
    kernel: tuple[int, int]
    groups: int
    channels: int
    filters: int

    @property
    def patch(self) -> int:
        """Elements under all the filters at one position."""
        return math.prod(self.kernel) * self.groups * self.channels


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw large cases; they shrink towards one pixel under one tap."""
    return built(BYTES, lambda dials: assembled(dials, dtype, scope))


BYTES = 38
"""How many decisions make a case; the last four are its seed."""


def assembled(dials: Dials, dtype: str, scope: Scope) -> Case:
    """Return the case that `BYTES` dials say."""
    longest = dials.pick((*["nothing"] * 11, "pixels", *OUTSIDE, *INSIDE))
    if longest == "groups" and not scope.has("groups"):
        longest = "channels"
    if longest == "batch" and not scope.has("batches"):
        longest = "rows"
    sizes = _blocks(dials, scope)
    share = 1 + (1 + dials.below(256)) / 521  # up to half a buffer more; a prime, for odd sizes
    if longest != "nothing":
        sizes = _lengthened(sizes, longest, int(share * _elements(dtype)))
    padding = dials.pick(paddings(scope))
    rows = _axis(dials, padding, sizes.rows, sizes.kernel[0], scope)
    stride = None if scope.has("unequal strides") else rows.stride
    columns = _axis(dials, padding, sizes.columns, sizes.kernel[1], scope, stride)
    # Distinct numbers take long where there are a million.
    distinct = ("distinct",) if longest == "nothing" else ()
    channels, filters = sizes.groups * sizes.channels, sizes.groups * sizes.filters
    return Geometry((sizes.batch,), (rows, columns), channels, sizes.channels, filters).case(
        padding,
        data_format=dials.pick((scope.formats[0], *scope.formats)),
        dtype=dtype,
        kind=dials.pick(("lattice", *distinct, *(("bounded",) if dtype == "int32" else ()))),
        seed=dials.seed(),
    )


def _blocks(dials: Dials, scope: Scope) -> Sizes:
    """Choose blocks and tails everywhere, as many as the work and a buffer of patches allow."""
    kernel = dials.pick((1, 3, 3, 2, 5)), dials.pick((1, 3, 3, 2, 5))
    groups = dials.pick((1, 1, 1, 2, 3) if scope.has("groups") else (1,))
    channels, filters = _sized(dials, 96 // groups), _sized(dials, 96 // groups)
    patch = math.prod(kernel) * channels * groups
    left = min(WORK // (patch * filters), BUFFER // 4 // max(patch, groups * filters))
    columns = _sized(dials, left)
    rows = _sized(dials, left // columns)
    most = min(64, left // (columns * rows)) if scope.has("batches") else 1
    batch = 1 + dials.below(most)
    return Sizes(batch, rows, columns, kernel, groups, channels, filters)


def _sized(dials: Dials, most: int) -> int:
    """Return some blocks of 8, 16 or 32 and a tail of none, one, all but one, or any."""
    block = dials.pick((8, 16, 32))
    whole = dials.below(4) * block
    any_tail = dials.below(block)
    return max(1, min(most, whole + dials.pick((0, 1, block - 1, any_tail))))


def _lengthened(sizes: Sizes, longest: str, least: int) -> Sizes:
    """Lengthen one dimension until the patches, or the outputs, have `least` elements."""
    few, one_or_two = 1 + sizes.filters % 3, 1 + sizes.batch % 2
    if longest == "pixels":
        rows = 129 + 2 * (sizes.rows % 64)
        columns = COUNTED // rows + 1 + sizes.columns % 64
        return Sizes(1, rows, columns, (1, one_or_two), 1, few, one_or_two)
    if longest == "filters":
        return Sizes(1, 1, one_or_two, (1, 1), 1, few, least)
    if longest == "channels":
        return Sizes(1, 1, one_or_two, (1, 1), 1, least, few)
    if longest == "groups":
        groups = 3 + sizes.columns % 5
        return Sizes(1, 1, one_or_two, (1, 1), groups, -(-least // groups), one_or_two)
    if longest in ("kernel rows", "kernel columns"):
        taps = 3 + sizes.columns % 3
        kernel = (taps, one_or_two) if longest == "kernel rows" else (1, taps)
        return Sizes(1, 1, one_or_two, kernel, 1, -(-least // math.prod(kernel)), few)
    channels = max(sizes.channels, -(-64 // math.prod(sizes.kernel)))
    sizes = sizes._replace(channels=channels, filters=min(sizes.filters, WORK // (2 * least)))
    if longest == "columns":
        return sizes._replace(batch=1, rows=one_or_two, columns=-(-least // sizes.patch))
    sizes = sizes._replace(columns=min(sizes.columns, 64))
    if longest == "rows":
        return sizes._replace(batch=1, rows=-(-least // (sizes.columns * sizes.patch)))
    sizes = sizes._replace(rows=min(sizes.rows, 9), columns=min(sizes.columns, 9))
    image = sizes.rows * sizes.columns * sizes.patch
    return sizes._replace(batch=-(-least // image))


def _axis(
    dials: Dials,
    padding: str,
    outputs: int,
    kernel: int,
    scope: Scope,
    stride: int | None = None,
) -> Axis:
    """Give an axis the image that `outputs` need, at a given stride or any up to the kernel."""
    drawn = min(dials.pick((1, 1, 1, 2, 3)), kernel) if scope.has("strides") else dials.pick((1,))
    stride = drawn if stride is None else stride
    axis = Axis(0, kernel, stride, dials.pick((1, 1, 1, 2) if scope.has("dilations") else (1,)))
    padded = (outputs - 1) * stride + axis.reach + dials.below(4) % stride
    before = min(dials.below(3), padded - 1)
    after = min(dials.below(3), padded - 1 - before)
    if padding == "explicit":
        return axis._replace(size=padded - before - after, before=before, after=after)
    return axis._replace(size=padded if padding == "VALID" else padded - axis.reach + 1)


def _elements(dtype: str) -> int:
    """Return how many elements fill a buffer; int32 is multiplied in float64, halves in float32."""
    return BUFFER // (8 if dtype in ("float64", "int32") else 4)


def classes(case: Case) -> Iterator[str]:
    """Name the corner classes of `case`, and what of it fills more than a buffer by itself."""
    yield from corners.classes(case)
    whole = _elements(case.dtype)
    it = Geometry.of(case)
    rows, columns = it.outputs
    depth, filters, groups = it.depth, it.filters, it.groups
    patch = case.terms
    image = rows * columns * max(groups * patch, filters)
    steps = (
        ("channels", depth),
        ("kernel columns", it.columns.kernel * depth),
        ("kernel rows", patch),
        ("filters", filters // groups),
        ("groups", groups * max(patch, filters // groups)),
        ("columns", columns * image // (rows * columns)),
        ("rows", image),
        ("batch", case.input_shape[0] * image),
    )
    # The first that does is what has to be cut; all that come after exceed the buffer as well.
    longest = next((name for name, elements in steps if elements > whole), None)
    if rows * columns > COUNTED:
        yield "more pixels than 16 bits count"
    if longest is not None:
        yield f"more than a buffer of {longest}"
        yield "one patch in blocks" if longest in INSIDE else "patches in blocks"


def minima(scope: Scope) -> dict[str, float]:
    """Return the least share of each class within `scope`."""
    formats = {"NHWC": 0.2, "NCHW": 0.1} if len(scope.formats) > 1 else {scope.formats[0]: 1.0}
    return {
        **formats,
        **corners.TAILS,
        "patches in blocks": 0.05,
        "one patch in blocks": 0.07,
        "more pixels than 16 bits count": 0.02,
    }


def admits(case: Case) -> bool:
    """Say whether the sums of `case` are exact, and there are any."""
    return exact.admits(case) and 0 not in (*case.input_shape, *output_shape(case))


CLAIM = Claim(
    name="large",
    operations=("conv2d",),
    statement="Sizes beyond tiles, registers and threads, with tails: bit for bit.",
    dtypes=tuple(DTYPES),
    strategy=strategy,
    check=exact.check,
    admits=admits,
    examples=60,
    telling=100,
    classes=classes,
    minima=minima,
)

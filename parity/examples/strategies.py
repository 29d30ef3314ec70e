"""Hypothesis strategies that build calls of conv2d by construction, rejecting nothing.

Only the structure is drawn; the data come from a kind and a seed.  The structure is one draw of
bytes, a byte for each decision: Hypothesis takes 0.4 ms for it however many there are, where a
draw for each decision takes 4 ms and its mutator, which copies draws onto others like them, makes
every fourth example a repeat.  Each byte has its place whatever the others say, so that each
shrinks by itself.

An axis is built from the kernel outwards: its reach first, then an input that is as long as the
wanted outputs need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from hypothesis import strategies as st

from parity.model.axis import Axis
from parity.model.case import DTYPES, Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope

T = TypeVar("T")

EVERYTHING = Scope()
_LEADS = ((1,), (1,), (2,), (3,), (1, 2), (2, 1, 2))
_OF_ONE = ((1,), (1,), (1,), (1,), (1, 1), (1, 1, 1))
NOTHINGS = ("batch", "filters", "channels", "output rows", "output columns", "rows", "columns")


class Dials:
    """Decisions read from drawn bytes, one after the other; 0 is the first choice of each."""

    def __init__(self, drawn: bytes) -> None:
        self._left = iter(drawn)

    def below(self, count: int) -> int:
        """Return 0 to `count` - 1."""
        return next(self._left) % count

    def pick(self, values: Sequence[T]) -> T:
        """Return one of `values`."""
        return values[self.below(len(values))]

    def rarely(self, odds: int) -> bool:
        """Return true once in `odds` times."""
        return self.below(odds) == odds - 1

    def seed(self) -> int:
        """Return 0 to 2**32 - 1, from four bytes."""
        return int.from_bytes(bytes(islice(self._left, 4)), "big")


def built(size: int, build: Callable[[Dials], Case]) -> st.SearchStrategy[Case]:
    """Draw what `build` makes of `size` bytes."""
    return st.binary(min_size=size, max_size=size).map(lambda drawn: build(Dials(drawn)))


def cases(
    dtypes: Sequence[str] = tuple(DTYPES),
    kinds: Sequence[str] = ("lattice",),
    scope: Scope = EVERYTHING,
    *,
    layouts: bool = False,
) -> st.SearchStrategy[Case]:
    """Draw valid cases within `scope`, of other memory layouts than C only if `layouts`.

    They shrink towards the first dtype and kind, the first data format, rank 4, VALID, one 1x1
    filter of one channel on one pixel, strides and dilations of 1 and seed 0.  Empty outputs and
    inputs are among the cases where the scope has them.
    """
    size = BYTES if scope.operation == "conv2d" else BYTES + MORE

    def build(dials: Dials) -> Case:
        case = assembled(dials, dtypes, kinds, scope, layouts=layouts)
        return case if scope.operation == "conv2d" else of_family(case, dials, scope)

    return built(size, build)


def of_kinds(
    *kinds: str, int32: Sequence[str] = (), layouts: bool = False
) -> Callable[[str, Scope], st.SearchStrategy[Case]]:
    """Return a claim's strategy: `cases` of these kinds, for int32 of others if they are given."""

    def strategy(dtype: str, scope: Scope) -> st.SearchStrategy[Case]:
        mine = int32 if int32 and dtype == "int32" else kinds
        return cases([dtype], mine, scope, layouts=layouts)

    return strategy


BYTES = 31
"""How many decisions make a case; the last four are its seed."""


def assembled(
    dials: Dials, dtypes: Sequence[str], kinds: Sequence[str], scope: Scope, *, layouts: bool
) -> Case:
    """Return the case that `BYTES` dials say."""
    padding = dials.pick(paddings(scope))
    deep = dials.rarely(8)
    plain, square = dials.pick(((False, False), (False, False), (False, True), (True, True)))
    rows = _axis(dials, padding, deep, scope, plain=plain)
    columns = _axis(dials, padding, deep, scope, plain=plain, like=rows if square else None)
    if not scope.has("unequal strides"):
        columns = columns._replace(stride=rows.stride)
    groups = dials.pick((1, 1, 1, 1, 2, 3) if scope.has("groups") else (1,))
    depth = 8 + dials.below(33) if deep else 1 + dials.below(4)
    filters = groups * (1 + dials.below(5 if groups == 1 else 2))
    leads = _LEADS if scope.has("batches") else _OF_ONE
    lead = dials.pick(leads if scope.has("rank5") else leads[:4])
    channels = groups * depth
    empty = dials.rarely(12) and scope.has("empties")
    nothings = NOTHINGS if scope.has("batches") else NOTHINGS[1:]
    nothing, short = dials.pick(nothings), dials.below(256)
    if empty:
        if nothing == "batch":
            lead = (0, *lead[1:])
        elif nothing == "filters":
            filters = 0
        elif nothing == "channels":  # 0 divides by any depth; a zero sum remains
            channels = 0
        elif nothing == "output rows":
            rows = _without_outputs(rows, padding, short)
        elif nothing == "output columns":
            columns = _without_outputs(columns, padding, short)
        elif nothing == "rows":
            rows = _without_pixels(rows, padding)
        else:
            columns = _without_pixels(columns, padding)
    data_format = dials.pick((scope.formats[0], *scope.formats))
    memory = scope.layouts if layouts else ("C",)
    return Geometry(lead, (rows, columns), channels, depth, filters).case(
        padding,
        data_format,
        dtype=dials.pick(dtypes),
        kind=dials.pick(kinds),
        input_layout=dials.pick(memory),
        filters_layout=dials.pick(memory),
        seed=dials.seed(),
    )


MORE = 7
"""How many further decisions make of it a case of another operation."""
_PLAIN = 3  # of so many cases one is as drawn, the others are what TensorFlow computes as well


def of_family(case: Case, dials: Dials, scope: Scope) -> Case:
    """Return the case of the scope's operation that the case of a conv2d and `MORE` dials say.

    Most become such as TensorFlow computes; the others are what it refuses for no reason of
    mathematics: groups and dilations in gradients, unequal strides of depthwise ones, and the like.
    """
    of, it = scope.of, Geometry.of(case)
    padding = case.padding if isinstance(case.padding, str) else "explicit"
    kernel, stride, slack = 1 + dials.below(3), dials.pick((1, 1, 2, 3)), dials.below(3)
    before, tame, multiplier = dials.below(3), dials.below(_PLAIN) > 0, 1 + dials.below(3)
    spare = dials.below(4)
    if tame and padding == "explicit" and not of.takes_pads:
        padding = "SAME"
    axes = it.axes[2 - of.axes :] if of.axes < 3 else it.axes
    if not scope.has("strides"):
        axes = tuple(axis._replace(stride=1) for axis in axes)
    groups, depth, filters = it.groups, it.depth, it.filters // it.groups
    if tame and not of.depthwise and (of.gives != "output" or of.axes == 3):
        groups = 1
        axes = tuple(_undilated(axis) if of.strides else axis for axis in axes)
    if tame and of.depthwise:
        axes = tuple(axis._replace(stride=axes[0].stride) for axis in axes)
        axes = axes if of.gives == "output" else tuple(map(_undilated, axes))
    if tame and of.name == "convolution" and max(axis.dilation for axis in axes) > 1:
        axes = tuple(axis._replace(stride=1) for axis in axes)
    if of.axes == 3:
        pad = before if padding == "explicit" else 0
        axes = (Axis(max(1, kernel + slack - pad), kernel, stride, 1, pad, 0), *axes)
    strides, dilations = zip(*((axis.stride, axis.dilation) for axis in axes), strict=True)
    apart = of.interleaves(strides, dilations)
    axes = tuple(with_outputs(axis, padding, interleaved=apart) for axis in axes)
    channels = (groups if it.channels else 0) * depth
    if of.depthwise:
        depth, filters, channels = 1, it.channels * multiplier * bool(it.filters), it.channels
    else:
        filters *= groups
    lead = it.lead if scope.has("rank5") and not (tame and of.depthwise) else it.lead[:1]
    case = Geometry(lead, axes, channels, depth, filters).case(
        padding,
        case.data_format,
        of.name,
        dtype=case.dtype,
        kind=case.kind,
        input_layout=case.input_layout,
        filters_layout=case.filters_layout,
        seed=case.seed,
    )
    if of.name == "separable_conv2d":
        middle = channels * multiplier * bool(it.filters)
        case = replace(case, pointwise=(max(1, middle), 1 + spare), kind=_of_two(case.kind))
    return case


def with_outputs(axis: Axis, padding: str, *, interleaved: bool) -> Axis:
    """Return the axis with as many pixels as keep the number of outputs from being negative."""
    axis = axis._replace(interleaved=interleaved)
    while (axis.padded_as_same() if padding == "SAME" else axis).outputs < 0:
        axis = axis._replace(size=axis.size + 1)
    return axis


def _undilated(axis: Axis) -> Axis:
    """Return the axis without dilation, its windows as far from the edges as they were."""
    shorter = axis._replace(dilation=1)
    return shorter._replace(size=max(min(axis.size, 1), axis.size - axis.reach + shorter.reach))


def _of_two(kind: str) -> str:
    """Return the kind of data whose sums of sums are exact, of those that are to be."""
    return "small" if kind in ("lattice", "distinct", "uniform", "finite") else kind


def paddings(scope: Scope) -> tuple[str, ...]:
    """Return the kinds of padding in `scope`, "explicit" for pads in numbers."""
    return ("VALID", *(kind for kind in ("SAME", "explicit") if scope.has(kind)))


def _axis(
    dials: Dials,
    padding: str,
    short: bool,
    scope: Scope,
    *,
    plain: bool = False,
    like: Axis | None = None,
) -> Axis:
    """Build one axis with at least one output; all zeros are one pixel under one tap.

    Strides may exceed the kernel, the kernel may be the whole input, pads may be longer than the
    kernel so that windows lie wholly in them.  A plain axis has no stride and no dilation; one like
    another has its kernel, stride and dilation.
    """
    kernel = dials.pick((1, 2, 3) if short else (1, 2, 3, 3, 4, 5, 7))
    stride = dials.pick((1, 1, 2, 3, 5) if scope.has("strides") else (1,))
    dilation = dials.pick((1, 1, 1, 2, 3) if scope.has("dilations") else (1,))
    if plain:
        stride = dilation = 1
    if like is not None:
        kernel, stride, dilation = like[1:4]
    axis = Axis(0, kernel, stride, dilation)
    slack = dials.below(3 if short else 10)
    pads = _pad(dials, axis.reach), _pad(dials, axis.reach)
    if padding == "SAME":  # any input will do, also one shorter than the kernel
        return axis._replace(size=1 + slack)
    before, after = pads if padding == "explicit" else (0, 0)
    size = max(1, axis.reach + slack - before - after)
    return axis._replace(size=size, before=before, after=after)


def _pad(dials: Dials, reach: int) -> int:
    """Return 0 to 3, or as often 0 to two more than holds a whole window."""
    drawn = dials.below(2 * (reach + 3))
    return drawn if drawn < reach + 3 else drawn % 4


def _without_outputs(axis: Axis, padding: str, short: int) -> Axis:
    """Shorten the image until no output is left, which is no error.

    TensorFlow rounds (size + pads - reach + stride) / stride towards zero: it is 0 where the kernel
    is too long by 1 to 2 * stride - 1.
    """
    if padding == "SAME":  # has outputs wherever it has pixels
        return axis._replace(size=0)
    short = 1 + short % (2 * axis.stride - 1)
    return axis._replace(size=max(0, axis.reach - short - axis.before - axis.after))


def _without_pixels(axis: Axis, padding: str) -> Axis:
    """Take all pixels away; the pads, if there are any, still hold outputs."""
    if padding == "VALID":
        return axis._replace(size=0, kernel=1)
    if padding == "explicit":
        return axis._replace(size=0, after=max(axis.after, axis.reach - axis.before))
    return axis._replace(size=0)

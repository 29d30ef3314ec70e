"""Rows about the sizes of the family: outputs, what a gradient may be of, and empty arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from parity.model.call import Call
from parity.model.case import Case
from parity.rules.family.usual import filters_of, rows, usual
from parity.rules.row import Each, Row, refused


def outputs(name: str) -> Iterator[Row]:
    """Stride and dilate at once, also where no window fits."""
    case = usual(name)
    axes = case.of.axes
    if not case.of.strides:
        return
    for stride in (2, 3):
        for dilations in ((2,) * axes, (*(1,) * (axes - 1), 3)):
            for padding in ("SAME", "VALID", (2, 1) * axes):
                both = replace(case, strides=(stride,) * axes, dilations=dilations, padding=padding)
                yield from _fits("outputs", both)
    if axes > 1:
        yield from _fits("outputs", replace(case, strides=(*(1,) * (axes - 1), 2)))


def _fits(rule: str, case: Case) -> Iterator[Row]:
    fits = min(axis.outputs for axis in case.axes()) >= 0
    return rows(rule, case, None if fits else refused(filters_of(case)))


def gradients(name: str) -> Iterator[Row]:
    """Take the gradient of outputs of each size, and of one beside."""
    case = usual(name)
    if case.of.gives == "output":
        return
    array = case.of.arrays[case.of.gives == "filters"]
    wrong = refused(case.of.sizes if case.of.gives == "input" else array)
    ones = (1,) * (case.of.axes - 1)
    few = name != "conv2d_transpose"
    for stride in (1, 2, 3) if case.of.strides else (1,):
        for kernel, count in ((3, 3),) if few else ((1, 1), (1, 3), (2, 3), (3, 0), (4, 3), (4, 0)):
            for padding in ("SAME", "VALID", (1, 0, *(0, 0) * len(ones))):
                made = [
                    replace(
                        case,
                        input_shape=(1, size, *ones, 2),
                        filters_shape=(kernel, *ones, *case.filters_shape[-2:]),
                        strides=(stride,) * case.of.axes,
                        padding=padding,
                    )
                    for size in range(16)
                ]
                right = [one.axes()[0].outputs == count for one in made]
                for place, one in enumerate(made):
                    if any(right[max(0, place - 1) : place + 2]):  # all of them, and one beside
                        given = {array: ((1, count, *ones, 4), case.dtype)}
                        expected = None if right[place] else wrong
                        yield from rows("gradients", one, expected, **given)


def written(name: str) -> Iterator[Row]:
    """Write `output_shape`, `input_sizes` and `filter_sizes` in all ways."""
    case = usual(name)
    if not (sizes := case.of.sizes):
        return
    known = list(Call.of(case).arguments[sizes])

    def of(expected: Any, *values: Any) -> Iterator[Row]:
        return rows("sizes", case, expected, **{sizes: Each(values)})

    yield from of(None, tuple(known), np.array(known), np.array(known, np.int32))
    yield from of(None, [np.int64(size) for size in known], np.array(known, np.uint8))
    short = None if sizes == "output_shape" else refused(sizes)
    yield from of(short, known[1:-1], np.array(known[1:-1]))
    other = [*known[:-1], 7], [-1, *known[1:]], [known[0], -5, *known[2:]], [2**31, *known[1:]]
    batch = [[2, *known[1:]]] if case.of.gives == "input" else []
    yield from of(refused(sizes), [*known, 1], known[:-1], [], *other, *batch)
    wrong = [float(size) for size in known], "1", None, known[0], [known] * len(known)
    yield from of(refused(sizes, TypeError), *wrong)


def empties(name: str) -> Iterator[Row]:
    """Have sizes of 0, and outputs of nothing.

    Some gradients of nothing end TensorFlow's process: those are in the ledger.
    """
    case = usual(name)
    n, height, *image, c = case.input_shape
    taps, *kernel, ci, co = case.filters_shape
    axes, wrong = case.of.axes, refused(filters_of(case))
    yield from rows("empties", replace(case, input_shape=(0, height, *image, c)))
    nothing = replace(case, filters_shape=(taps, *kernel, ci, 0))
    if not case.pointwise and not ("3d" in name and case.of.gives == "input"):
        yield from rows("empties", nothing)
    if not case.of.depthwise:
        no_input = replace(case, input_shape=(n, height, *image, 0))
        none = replace(no_input, filters_shape=(taps, *kernel, 0, co))
        yield from rows("empties", none, wrong)
    if case.of.gives != "output":
        return
    short = replace(case, input_shape=(n, 0, *image, c))
    yield from rows("empties", short)
    yield from rows("empties", replace(short, padding=(2, 2) * axes))
    plain = replace(case, padding="VALID", dilations=(1,) * axes)
    for size in (height + 1, height + 2):
        yield from _fits("empties", replace(plain, filters_shape=(size, *kernel, ci, co)))
    no_taps = replace(plain, filters_shape=(0, *kernel, ci, co))
    yield from rows("empties", no_taps, None if case.of.depthwise else wrong)

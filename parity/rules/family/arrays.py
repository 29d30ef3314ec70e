"""Rows about the dtypes, ranks and channels of the family's arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from parity.model.call import Call
from parity.model.case import Case
from parity.rules.family.usual import filters_of, rows, usual
from parity.rules.row import DTYPES, Each, Row, Shape, refused

_PAIRS = (
    *(("float32", "float64"), ("float64", "float32"), ("bfloat16", "float32")),
    *(("float16", "bfloat16"), ("float32", "int32"), ("float64", "int64"), ("float32", "bool")),
)
_ACROSS = (("float32", "complex64"), ("int32", "float32"))


def dtypes(name: str) -> Iterator[Row]:
    """Have one dtype, or two of which one is cast to the other."""
    case = usual(name)
    for dtype in DTYPES:
        yield from rows("dtypes", replace(case, dtype=dtype))
    decides, other = case.of.arrays[:2]
    if case.of.gives == "input":
        decides, other = other, decides
    for dtype in ("int64", "uint8", "bool", "complex64"):
        yield from rows("dtypes", replace(case, dtype=dtype), refused(decides, TypeError))
    wrong = refused(other if case.of.casts else "", TypeError)
    for array in dict.fromkeys((other, case.of.arrays[-1])):
        if array == decides:
            continue
        for one, two in (*_PAIRS, *_ACROSS):
            right = case.of.casts and (one, two) in _PAIRS
            made = Call.of(replace(case, dtype=one)).arguments
            yield from rows(
                "dtypes",
                replace(case, dtype=one),
                None if right else wrong,
                **{array: (made[array][0], two)},
            )


def ranks(name: str) -> Iterator[Row]:
    """Have leading dimensions, too few and too many."""
    case = usual(name)
    one, two = case.of.arrays[:2]
    (image, dtype), (kernel, _) = (Call.of(case).arguments[array] for array in (one, two))
    if case.of.gives == "output":
        for lead in ((2,), (2, 3), (2, 1, 2), (0, 2)):
            yield from rows("ranks", replace(case, input_shape=(*lead, *case.input_shape[1:])))
    more = [] if case.of.gives == "output" else [(1, *image)]
    shapes = [*more, image[1:], image[:1], ()]
    yield from rows("ranks", case, refused(one), **{one: Each((one, dtype) for one in shapes)})
    shapes = [(1, *kernel), kernel[1:], kernel[:1], ()]
    wrong = refused("" if name == "convolution" else two)  # filters say how many axes there are
    yield from rows("ranks", case, wrong, **{two: Each((one, dtype) for one in shapes)})


def channels(name: str) -> Iterator[Row]:
    """Have other channels, groups and multipliers."""
    case = usual(name)

    def made(c: int, ci: int, co: int) -> Case:
        return replace(
            case,
            input_shape=(*case.input_shape[:-1], c),
            filters_shape=(*case.filters_shape[:-2], ci, co),
            pointwise=(ci * co, 4) if case.pointwise else None,
        )

    right = ((3, 3, 1), (1, 1, 3)) if case.of.depthwise else ((1, 1, 3), (4, 2, 6), (3, 1, 3))
    wrong = (3, 2, 4), (4, 2, 5), (2, 4, 4), (2, 1, 3)
    for sizes in right:
        yield from rows("channels", made(*sizes))
    for sizes in wrong:
        yield from rows("channels", made(*sizes), refused(filters_of(case)))


def of_other_ranks() -> Iterator[Row]:
    """Give `convolution` one and three axes; and pointwise filters of all sizes."""
    case = usual("convolution")
    for image, kernel in (((7,), (3,)), ((5, 7, 4), (3, 3, 3))):
        axes = len(image)
        arrays = {
            "input": ((1, *image, 2), "float32"),
            "filters": ((*kernel, 2, 4), "float32"),
            "data_format": None,
        }
        for dilations in (1, 2, [2] * axes):
            steps = {"strides": None, "dilations": dilations}
            yield from rows("axes", case, (1, *image, 4), **arrays, **steps)
        steps = {"strides": [2] * axes, "dilations": None}
        halves = tuple(-(-size // 2) for size in image)
        yield from rows("axes", case, (1, *halves, 4), **arrays, **steps)
    shapes: tuple[Shape, ...] = ((2, 4), (3, 3, 3, 3, 2, 4))
    of_none = Each((shape, "float32") for shape in shapes)
    yield from rows("axes", case, refused("filters"), filters=of_none)
    case = usual("separable_conv2d")
    for ci, co in ((4, 1), (2, 6), (1, 4)):
        yield from rows("pointwise", replace(case, pointwise=(ci, co)))
    shapes = ((1, 1, 3, 4), (1, 1, 2, 5), (1, 1, 0, 4), (2, 1, 4, 4), (1, 3, 4, 4), (1, 4, 4))
    wrong = Each((shape, "float32") for shape in shapes)
    yield from rows("pointwise", case, refused("pointwise_filter"), pointwise_filter=wrong)

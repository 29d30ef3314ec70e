"""What a failure looks like: which one misunderstanding of a convolution explains every bit.

The hypotheses are the mutants that are misunderstandings (`parity.mutants`).  A subject that
disagrees on a case is called again on draws of that case's kind: other sizes, channels and data,
but no dtype, stride, padding or other feature that the case does without, so that one of two faults
is still told where the other does not show.  A hypothesis explains the subject if it predicts every
bit of every draw, those included on which it predicts the right answer, and if it differs from that
on at least `TELLING` of them.  Something is said only if exactly one does.

The draws come in three levels, and the first on which the subject is wrong decides:

- numbers so small that all arithmetic is exact: only where things lie can be wrong (of other
  operations than conv2d nothing else is asked);
- sums that need the whole accumulator, exact in any order, and single products of any number, which
  are rounded once: a narrower or saturating accumulator shows.  Sums of halves may be rounded in
  the order of the taps; a subject that takes another order is not named;
- inf, nan, -0 and subnormals, of which every sum has one that is not 0.

Other orders of summation agree with the right answer on all three, so they are never explained.
Errors like those of Winograd's algorithm are not told by their bits, which depend on how the
transforms are computed, but by the bound in which they lie (`parity.search.algorithms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, product

import numpy as np

from parity.claims.claim import Example
from parity.engine import note
from parity.examples import corners
from parity.model import data
from parity.model.axis import Axis
from parity.model.case import Array, Case, Conv2d
from parity.model.geometry import Geometry
from parity.model.subject import FEATURES, Scope
from parity.mutants import CONTROLS, MUTANTS, Mutant, control
from parity.mutants.book import Book
from parity.mutants.family import Family
from parity.search.algorithms import algorithm

TELLING = 3
"""On how many draws an explanation has to differ from the right answer."""
DRAWS = 48
"""How many draws a level has."""
_Pair = tuple[int, int]
_Padding = str | tuple[int, int, int, int]
_Structure = tuple[_Padding, _Pair, _Pair, tuple[int, int, int], tuple[int, ...], str]
_Size = tuple[_Pair, _Pair]
_PADDINGS: tuple[_Padding, ...] = ("VALID", "SAME", (1, 2, 3, 0), (3, 0, 0, 1))
_STRIDES = ((1, 1), (2, 2), (2, 3), (3, 1), (1, 2))
_DILATIONS = ((1, 1), (2, 2), (2, 1), (1, 3))
_CHANNELS = ((1, 3, 4), (2, 2, 2), (3, 1, 2), (3, 2, 1))  # groups, channels and filters of each
_LEADS: tuple[tuple[int, ...], ...] = ((1,), (2,), (2, 3))
_SIZES = (  # of image and kernel
    ((8, 7), (3, 2)),
    ((7, 9), (2, 3)),
    ((9, 9), (3, 3)),
    ((8, 8), (1, 4)),
    ((5, 6), (1, 1)),
    ((9, 8), (2, 2)),
)


def looks_like(conv2d: Conv2d, example: Example, scope: Scope) -> str:
    """Say in words what a subject does that is wrong on `example`; "" if nothing explains it.

    The subject is called, and may end the process; what it raises is caught.
    """
    if not isinstance(example, Case):
        return ""
    found = explanation(conv2d, example, scope)
    if found is None:
        return "" if scope.bound else algorithm(conv2d, example)
    first, space, rest = found.fault.partition(" ")
    fault = f"{first.lower() if first.istitle() else first}{space}{rest}"
    of = "a convolution" if example.operation == "conv2d" else f"{example.operation},"
    return f"every output equals that of {of} where {fault} (parity.mutants:{found.name})"


def explanation(conv2d: Conv2d, case: Case, scope: Scope) -> Mutant | None:
    """Return the one misunderstanding that explains what `conv2d` does on draws like `case`."""
    exact = case.kind in data.EXACT or case.dtype == "int32"
    before = _heard(conv2d, [case]) if exact else []
    right = CONTROLS[control(case.operation)]
    for draws in _levels(case, scope):
        heard = _heard(conv2d, draws)
        wrong = [one for one in heard if not _same(one[1], _predicted(right, one[0]))]
        if wrong:
            explaining = [
                mutant
                for mutant, function in _hypotheses(case.operation)
                if all(
                    _same(output, _predicted(function, one))
                    for one, output in (*wrong, *before, *heard)  # those that tell first
                )
            ]
            return explaining[0] if len(explaining) == 1 and len(wrong) >= TELLING else None
        before += heard
    return None


def _hypotheses(operation: str) -> list[tuple[Mutant, Book]]:
    """Return the misunderstandings of an operation; all of the family's are asked of each."""
    misread = [mutant for mutant in MUTANTS.values() if mutant.misunderstanding]
    if operation == "conv2d":
        return [(one, one.function) for one in misread if one.operation == operation]
    others = [one for one in misread if one.operation != "conv2d"]
    others.sort(key=lambda one: one.operation != operation)  # of one fault the first stays
    of_fault = {one.fault: one for one in reversed(others)}.values()
    return [(one, Family(operation, **one.function.wrong)) for one in of_fault]


def _levels(case: Case, scope: Scope) -> Iterator[Sequence[Case]]:
    """Yield the draws of each level that the case has a share in."""
    used = {
        name
        for name in FEATURES
        if not corners.within(
            case, Scope(without=frozenset({name}), dtypes=(case.dtype,), operation=case.operation)
        )
    }
    like = replace(
        scope,
        operation=case.operation,
        dtypes=(case.dtype,),
        formats=tuple(one for one in scope.formats if one in ("NHWC", case.data_format)),
        without=scope.without | (frozenset(FEATURES) - used - {"subnormals"}),
    )
    laid = case.input_layout, case.filters_layout
    yield _small(like, laid)
    if laid != ("C", "C") or case.operation != "conv2d":
        return
    yield _whole(like)
    exact = case.kind in data.EXACT or case.dtype == "int32"
    if not exact and scope.has("subnormals"):
        yield _special(like)


@lru_cache
def _small(scope: Scope, laid: tuple[str, str]) -> Sequence[Case]:
    """Draw small numbers in layers of every structure within `scope`, half of them laid out so."""
    rng = np.random.default_rng(0)
    factors: Iterator[_Structure] = product(
        _PADDINGS, _STRIDES, _DILATIONS, _CHANNELS, _LEADS, scope.formats
    )
    structures = [
        structure
        for structure in factors
        if corners.within(_layer(scope, structure, _SIZES[2], 0), scope)
    ]
    drawn = (
        _layer(scope, structures[order], _SIZES[(seed + number) % len(_SIZES)], seed)
        for seed in range(10 * DRAWS)
        for number, order in enumerate(rng.permutation(len(structures))[:DRAWS])
    )
    cases = islice((case for case in drawn if min(Geometry.of(case).outputs) > 0), DRAWS)
    return [
        replace(case, input_layout=laid[0], filters_layout=laid[1]) if number % 2 else case
        for number, case in enumerate(cases)
    ]


def _layer(scope: Scope, structure: _Structure, size: _Size, seed: int) -> Case:
    padding, strides, dilations, (groups, depth, filters), lead, data_format = structure
    pads = (0, 0, 0, 0) if isinstance(padding, str) else padding
    parts = zip(*size, strides, dilations, pads[::2], pads[1::2], strict=True)
    axes = tuple(Axis(*part) for part in parts)
    if scope.of.depthwise:
        groups, depth = groups * depth, 1
    case = Geometry(
        lead, (axes[0], *axes)[-scope.of.axes :], groups * depth, depth, groups * filters
    ).case(
        padding if isinstance(padding, str) else "explicit",
        data_format,
        scope.operation,
        dtype=scope.dtypes[0],
        kind="small",
        seed=seed,
    )
    if scope.operation == "separable_conv2d":
        case = replace(case, pointwise=(groups * filters, 3))
    return case


@lru_cache
def _whole(scope: Scope) -> Sequence[Case]:
    """Draw sums that fill the accumulator, and single products that are rounded once."""
    dtype = scope.dtypes[0]
    one = _plain(scope, (1, 1), 1)
    kinds = [one, replace(one, kind="bounded" if dtype == "int32" else "normal")]
    if dtype in ("float16", "bfloat16"):
        long = _plain(scope, (3, 2), 3)
        kinds += [replace(long, kind="finite"), replace(long, kind="distinct")]
    return [replace(kind, seed=seed) for kind in kinds for seed in range(DRAWS // len(kinds))]


@lru_cache
def _special(scope: Scope) -> Sequence[Case]:
    """Draw special values; each sum has one product, or one weight that is not 0."""
    if scope.dtypes[0] == "int32":
        return []
    kept = _plain(scope, (3, 3), 1)
    padding = next((one for one in _PADDINGS[1:3] if _within(kept, one, scope)), "VALID")
    # Filter f has but its tap f.
    kept = replace(kept, padding=padding, filters_only=tuple(range(0, 72, 9)))
    both = (_plain(scope, (1, 1), 1), kept)
    return [replace(one, kind="special", seed=seed) for one in both for seed in range(DRAWS)]


def _plain(scope: Scope, kernel: tuple[int, int], depth: int) -> Case:
    """Return a layer without padding, strides and groups, with 8 filters."""
    structure = "VALID", (1, 1), (1, 1), (1, depth, 8), (1,), scope.formats[0]
    return _layer(scope, structure, ((5, 4), kernel), 0)


def _within(case: Case, padding: _Padding, scope: Scope) -> bool:
    return corners.within(replace(case, padding=padding), scope)


def _heard(conv2d: Conv2d, cases: Sequence[Case]) -> list[tuple[Case, Array | None]]:
    """Return what a subject makes of the cases that it supports: None where it raises."""
    found: list[tuple[Case, Array | None]] = []
    for case in cases:
        note.example(case.token())
        try:
            output = case.call_on(conv2d, *case.arrays())
        except NotImplementedError:
            continue
        except Exception:
            found.append((case, None))
        else:
            found.append((case, output.copy() if type(output) is np.ndarray else None))
    return found


def _predicted(function: Book, case: Case) -> Array | None:
    """Return what a hypothesis makes of a case; None where that cannot be computed."""
    arrays = dict(zip(case.of.arrays, case.arrays(), strict=True))
    try:
        return function.predicted(**arrays, **case.arguments())
    except (ValueError, IndexError):
        return None


def _same(output: Array | None, predicted: Array | None) -> bool:
    """Say whether shape, dtype and bits are the same; any NaN equals any NaN."""
    if output is None or predicted is None:
        return False
    if (output.shape, output.dtype) != (predicted.shape, predicted.dtype):
        return False
    bits = (np.ascontiguousarray(one).view(f"u{one.itemsize}") for one in (output, predicted))
    equal = np.equal(*bits)
    if output.dtype.kind != "i":
        with np.errstate(invalid="ignore"):
            equal |= np.isnan(output) & np.isnan(predicted)
    return bool(equal.all())

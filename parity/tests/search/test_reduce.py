"""A failure is reduced to the smallest case that fails the same way, whatever drew it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import npconv
from parity import claims
from parity.claims import CLAIMS, check
from parity.claims.check import Subject
from parity.claims.claim import Told
from parity.model.case import Array, Case
from parity.model.subject import Scope
from parity.search import reduce, structure
from parity.search.explore import Disagreement
from parity.search.reduce import reduced
from parity.search.structure import Structure

Conv2d = Callable[..., Array]
Where = Callable[[Structure], bool]
FORTRAN = "int32 NHWC 1x2x2x1 w1x1x1x1 s1,1 d1,1 VALID lattice:7 x:F w:C"
SOME = "float32 NHWC 2x9x9x3 w3x3x3x7 s1,1 d1,1 SAME lattice:7"


def called(x: Array, w: Array, call: dict[str, Any]) -> Structure:
    """Return the structure of a call."""
    pads = call["padding"]
    if not isinstance(pads, str):
        spatial = pads[2:] if call["data_format"] == "NCHW" else pads[1:3]
        pads = tuple(pad for pair in spatial for pad in pair)
    arguments = pads, call["data_format"], tuple(call["dilations"]), x.dtype.name
    rows, columns, depth, filters = w.shape
    return Structure.of(
        Case(x.shape, (rows, columns, depth, filters), tuple(call["strides"]), *arguments)
    )


def wrong(result: Array) -> Array:
    """Return what equals no result, halves and int32 included."""
    return (-1 - result).astype(result.dtype)


def wrong_where(where: Where, fault: Callable[[Array], Array] = wrong) -> Conv2d:
    """Return a conv2d that is wrong where `where` says so."""

    def conv2d(x: Array, w: Array, **call: Any) -> Array:
        result: Array = npconv.conv2d(x, w, **call)
        return fault(result) if where(called(x, w, call)) else result

    return conv2d


def reduction(token: str, conv2d: Conv2d, claim: str = "exact", **options: Any) -> Disagreement:
    """Return to what the failure of `token` is reduced, a failing case."""
    found = Disagreement(claim, Case.parse(token), "found")
    found = reduced(CLAIMS[claim], found, conv2d, **options)
    assert found.example.token() in str(found)
    return found


def smallest(token: str, conv2d: Conv2d, claim: str = "exact") -> str:
    """Return the token to which a failing one is reduced; it must fail."""
    found = reduction(token, conv2d, claim).example.token()
    with pytest.raises(AssertionError):
        CLAIMS[claim].check(Case.parse(found), conv2d)
    return found


def kernel(it: Structure) -> tuple[int, int]:
    return it.axes[0].kernel, it.axes[1].kernel


def strides(it: Structure) -> tuple[int, int]:
    return it.axes[0].stride, it.axes[1].stride


def channels(it: Structure) -> int:
    return it.groups * it.depth


# What is wrong; a failing case; the smallest one.
THRESHOLDS: dict[str, tuple[Where, str, str]] = {
    "everywhere": (
        lambda it: True,
        "int32 NCHW 2x1x2x6x9x9 w3x2x2x3 s2,3 d1,2 1,2,3,0 lattice:7 x:F w:sliced",
        "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID",
    ),
    "8 | channels, out of a buffer": (
        lambda it: channels(it) % 8 == 0,
        "float32 NHWC 1x1x2x525312 w1x1x525312x3 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x1x1x8 w1x1x8x1 s1,1 d1,1 VALID",
    ),
    "four groups of two, out of a buffer": (
        lambda it: it.groups >= 4 and it.depth == 2,
        "float32 NHWC 1x1x2x131328 w1x1x2x131328 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x1x1x8 w1x1x2x4 s1,1 d1,1 VALID",
    ),
    "8 | channels, whatever the groups": (
        lambda it: channels(it) % 8 == 0,
        "float32 NHWC 1x4x4x32 w3x3x1x64 s1,1 d1,1 SAME lattice:7",
        "float32 NHWC 1x1x1x8 w1x1x8x1 s1,1 d1,1 VALID",
    ),
    "3x3 of stride 2, 4 | channels": (
        lambda it: kernel(it) == (3, 3) and strides(it) == (2, 2) and it.depth % 4 == 0,
        "float64 NCHW 3x12x19x17 w3x3x12x10 s2,2 d1,1 SAME lattice:7",
        "float32 NHWC 1x3x3x4 w3x3x4x1 s2,2 d1,1 VALID",
    ),
    "3x3 depthwise, 4 | channels": (
        lambda it: kernel(it) == (3, 3) and it.depth == 1 and it.groups > 1 and it.groups % 4 == 0,
        "float32 NCHW 3x16x19x17 w3x3x1x32 s2,2 d1,1 2,1,1,1 lattice:7",
        "float32 NHWC 1x3x3x4 w3x3x1x4 s1,1 d1,1 VALID",
    ),
    "odd kernels of 5 and more": (
        lambda it: it.axes[0].kernel >= 5 and it.axes[0].kernel % 2 == 1,
        "float32 NHWC 2x12x12x3 w9x9x3x4 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x5x1x1 w5x1x1x1 s1,1 d1,1 VALID",
    ),
    "more than 1,024 terms": (
        lambda it: math.prod(kernel(it)) * it.depth > 1024,
        "float32 NHWC 2x9x9x129 w3x3x129x7 s1,1 d1,1 SAME lattice:7",
        "float32 NHWC 1x1x1x1025 w1x1x1025x1 s1,1 d1,1 VALID",
    ),
    "multiples of 48 above 1,000": (
        lambda it: it.depth > 1000 and it.depth % 48 == 0,
        "float32 NHWC 1x1x3x1968 w1x1x1968x2 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x1x1x1008 w1x1x1008x1 s1,1 d1,1 VALID",
    ),
    "one filter more than 32": (
        lambda it: it.groups * it.filters > 32 and it.groups * it.filters % 32 == 1,
        "float32 NHWC 2x9x9x8 w1x1x8x97 s1,1 d1,1 SAME lattice:7",
        "float32 NHWC 1x1x1x1 w1x1x1x33 s1,1 d1,1 VALID",
    ),
    "as many channels as filters, four or more": (
        lambda it: it.groups == 1 and it.depth == it.filters >= 4,
        "float32 NHWC 1x6x6x24 w3x3x24x24 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x1x1x4 w1x1x4x4 s1,1 d1,1 VALID",
    ),
    "square images from 5x5": (
        lambda it: it.axes[0].size == it.axes[1].size >= 5,
        "float32 NHWC 2x17x17x3 w3x3x3x2 s2,2 d1,1 SAME lattice:7",
        "float32 NHWC 1x5x5x1 w1x1x1x1 s1,1 d1,1 VALID",
    ),
    "equal strides above 1": (
        lambda it: it.axes[0].stride == it.axes[1].stride > 1,
        "float32 NHWC 2x17x17x3 w3x3x3x2 s3,3 d1,1 SAME lattice:7",
        "float32 NHWC 1x1x1x1 w1x1x1x1 s2,2 d1,1 VALID",
    ),
    "images 32 wide, dilated": (
        lambda it: it.axes[1].size >= 32 and it.axes[0].dilation == it.axes[1].dilation == 2,
        "float32 NHWC 2x20x50x16 w3x3x16x7 s1,1 d2,2 SAME lattice:7",
        "float32 NHWC 1x1x32x1 w1x1x1x1 s1,1 d2,2 VALID",
    ),
    "batches of 8": (
        lambda it: it.lead == (8,),
        "float32 NHWC 8x9x9x16 w3x3x16x7 s1,1 d1,1 SAME lattice:7",
        "float32 NHWC 8x1x1x1 w1x1x1x1 s1,1 d1,1 VALID",
    ),
    "rank 5": (
        lambda it: len(it.lead) == 2,
        "float32 NHWC 2x3x9x9x6 w3x3x2x3 s1,1 d1,1 SAME lattice:7",
        "float32 NHWC 1x1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID",
    ),
    "unequal pads of rows": (
        lambda it: it.axes[0].before > it.axes[0].after > 0,
        "float32 NHWC 2x9x9x3 w3x3x3x2 s1,1 d1,1 4,2,1,3 lattice:7",
        "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 2,1,0,0",
    ),
    "SAME with a dilated kernel": (
        lambda it: it.padding == "SAME" and it.axes[0].dilation > 1 and it.axes[0].kernel > 1,
        "float32 NHWC 2x9x9x3 w3x3x3x2 s1,1 d3,2 SAME lattice:7",
        "float32 NHWC 1x1x1x1 w2x1x1x1 s1,1 d2,1 SAME",
    ),
    "halves": (
        lambda it: it.dtype == "bfloat16" and it.filters == 3,
        "bfloat16 NHWC 2x9x9x3 w3x3x3x3 s1,1 d3,2 SAME lattice:7",
        "bfloat16 NHWC 1x1x1x1 w1x1x1x3 s1,1 d1,1 VALID",
    ),
    "more than 100 positions, in however many images": (
        lambda it: (
            math.prod(it.lead) * it.axes[0].size * it.axes[1].size > 100 and kernel(it) == (1, 1)
        ),
        "float32 NHWC 9x6x5x3 w1x1x3x2 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x1x101x1 w1x1x1x1 s1,1 d1,1 VALID",
    ),
}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_fault_at_a_threshold_ends_at_the_threshold(name: str) -> None:
    where, token, expected = THRESHOLDS[name]
    claim = "large" if "buffer" in name else "exact"
    # The fault asks for no data: all of them may be 0.
    assert smallest(token, wrong_where(where), claim) == f"{expected} ones:0 only x w"


def at_40(result: Array) -> Array:
    result.reshape(-1)[40:41] += 1
    return result


def without_last_row(x: Array, w: Array, **call: Any) -> Array:
    result: Array = npconv.conv2d(x, w, **call)
    result[..., 1:, :, :][..., -1:, :, :] = 0
    return result


def crashing_below(x: Array, w: Array, **call: Any) -> Array:
    """Be wrong from four filters on; with fewer filters or channels another fault shows."""
    if w.shape[3] < 3:
        raise RuntimeError("too few filters")
    if x.shape[3] < 2:
        return npconv.conv2d(x, w, **call)[:0]
    return wrong_where(lambda it: it.filters >= 4)(x, w, **call)


def negative_last_tap_lost(x: Array, w: Array, **call: Any) -> Array:
    """Lose the last tap of the last of several channels where its weight is negative."""
    less = w.copy()
    if w.shape[2] > 1:
        less[-1:, -1:, -1:] = np.maximum(less[-1:, -1:, -1:], 0)
    return npconv.conv2d(x, less, **call)


def without_nan(x: Array, w: Array, **call: Any) -> Array:
    result: Array = npconv.conv2d(x, w, **call)
    result[np.isnan(result)] = 0
    return result


DOUBLED_BFLOAT16 = wrong_where(lambda it: it.dtype == "bfloat16", lambda result: result * 2)
# What is wrong; the claim; a failing case; the smallest one.
FAULTS: dict[str, tuple[Conv2d, str, str, str]] = {
    "one output": (
        wrong_where(THRESHOLDS["3x3 of stride 2, 4 | channels"][0], at_40),
        "exact",
        "float32 NHWC 3x19x17x12 w3x3x12x10 s2,2 d1,1 SAME lattice:7",
        "float32 NHWC 1x13x15x4 w3x3x4x1 s2,2 d1,1 VALID ones:0 only x w",
    ),
    "another fault below": (
        crashing_below,
        "exact",
        SOME,
        "float32 NHWC 1x1x1x2 w1x1x2x4 s1,1 d1,1 VALID ones:0 only x w",
    ),
    "only of a dtype": (
        DOUBLED_BFLOAT16,
        "halves",
        "bfloat16 NHWC 2x9x9x4 w3x3x2x6 s1,1 d1,1 SAME bounded:7",
        "bfloat16 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID ones:0",
    ),
    "of a sign, in the fewest elements": (
        negative_last_tap_lost,
        "exact",
        "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7 x:F w:reversed",
        "float32 NHWC 1x1x1x2 w1x1x2x1 s1,1 d1,1 VALID distinct:5 only x1 w1",
    ),
    "of no data": (
        without_last_row,
        "exact",
        "float32 NHWC 1x7x2x1 w1x1x1x1 s1,1 d1,1 VALID lattice:7",
        "float32 NHWC 1x2x1x1 w1x1x1x1 s1,1 d1,1 VALID ones:0 only x1 wall",
    ),
    "of special values": (
        without_nan,
        "special",
        "float32 NHWC 2x6x6x3 w3x3x3x2 s1,1 d1,1 SAME special:8",
        "float32 NHWC 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID special:3 only xall w",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_reduced_with_its_data(name: str) -> None:
    conv2d, claim, token, expected = FAULTS[name]
    assert smallest(token, conv2d, claim) == expected


@pytest.mark.parametrize("dtypes", [("float32", "bfloat16"), ("int32", "bfloat16"), ("bfloat16",)])
@pytest.mark.parametrize("formats", [("NHWC", "NCHW"), ("NCHW",)])
def test_what_a_subject_does_not_support_is_not_tried(
    formats: tuple[str, ...], dtypes: tuple[str, ...]
) -> None:
    def narrow(x: Array, w: Array, **call: Any) -> Array:
        assert x.dtype.name in dtypes
        assert call["data_format"] in formats
        return wrong(npconv.conv2d(x, w, **call))

    token = "bfloat16 NCHW 2x6x9x9 w3x3x2x3 s1,1 d1,1 SAME lattice:7"
    found = smallest(token, Subject(narrow, Scope(formats=formats, dtypes=dtypes)))
    assert found.startswith(f"{dtypes[0]} {formats[0]} 1x1x1x1 w1x1x1x1 s1,1 d1,1 VALID")


def test_what_is_not_supported_is_no_smaller_failure() -> None:
    def wrong_in_fortran_order(x: Array, w: Array, **call: Any) -> Array:
        if x.flags.c_contiguous:
            raise NotImplementedError("memory layout C")
        return wrong(npconv.conv2d(x, w, **call))

    found = reduction(FORTRAN, Subject(wrong_in_fortran_order, Scope()))
    assert " x:F " in found.example.token()


def test_an_exception_is_reduced_to_the_same_exception() -> None:
    def raising(x: Array, w: Array, **call: Any) -> Array:
        if w.shape[3] < 3:
            raise NotImplementedError("too few filters")
        if w.shape[2] >= 2:
            raise IndexError(f"channel {w.shape[2]}")
        return wrong(npconv.conv2d(x, w, **call))

    found = reduction(SOME, raising)
    assert found.example.token().startswith("float32 NHWC 1x1x1x2 w1x1x2x3 s1,1 d1,1 VALID ones:0")
    assert "the subject raises IndexError: channel 2" in str(found)


def test_every_case_that_is_tried_is_valid_and_no_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Case] = []
    exact = CLAIMS["exact"]

    def check(case: Case, conv2d: Conv2d) -> Told:
        tried.append(case)
        return exact.check(case, conv2d)

    monkeypatch.setitem(CLAIMS, "exact", replace(exact, check=check))
    scope = Scope(without=frozenset({"empties"}))
    token = "float32 NCHW 2x3x12x9x9 w3x3x4x6 s2,1 d1,2 1,2,3,0 lattice:7"
    reduction(
        token, Subject(wrong_where(lambda it: it.groups == 3 and it.axes[0].kernel == 3), scope)
    )
    assert len(tried) > 50
    for case in tried:
        assert claims.parse(case.token()) == case
        assert claims.within(case, scope)
        assert structure.order(case) <= structure.order(Case.parse(token))
        assert case.products <= 1_000_000


def test_time_limits_a_slow_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("parity.search.reduce.time.monotonic", lambda: now)

    def slow(x: Array, w: Array, **call: Any) -> Array:
        nonlocal now
        now += 10
        return wrong_where(lambda it: it.filters % 16 == 0 and it.depth >= 3)(x, w, **call)

    token = "float32 NHWC 4x31x31x24 w3x3x24x48 s1,1 d1,1 SAME lattice:7"
    found = reduction(token, slow, seconds=200).example
    assert now <= 200 + 2 * 10
    assert isinstance(found, Case)
    # The coarse steps come first: in twenty calls it is a thousand times smaller.
    assert found.products < Case.parse(token).products / 1000


@pytest.mark.parametrize("times", [0, 3])
def test_a_failure_that_does_not_last_is_told_as_it_was_found(times: int) -> None:
    left = times

    def tiring(x: Array, w: Array, **call: Any) -> Array:
        nonlocal left
        left -= 1
        result: Array = npconv.conv2d(x, w, **call)
        return wrong(result) if left >= 0 else result

    found = Disagreement("exact", Case.parse(SOME), "as it was found")
    assert reduced(CLAIMS["exact"], found, tiring) is found


def test_the_manner_of_a_failure_is_neither_its_numbers_nor_its_place() -> None:
    token = "float32 NHWC 1x3x3x2 w1x1x2x2 s1,1 d1,1 VALID lattice:{}"

    def said(fault: Callable[[Array], Any], seed: int, claim: str = "exact") -> str:
        conv2d = wrong_where(lambda it: True, fault)
        error = check.failure(CLAIMS[claim], Case.parse(token.format(seed)), conv2d)
        assert error is not None
        return reduce.manner(error)

    first = lambda y: np.concatenate([-1 - y[:, :1], y[:, 1:]], axis=1)  # noqa: E731
    last = lambda y: np.concatenate([y[:, :2], -1 - y[:, 2:]], axis=1)  # noqa: E731
    manners = {said(first, 1), said(last, 2), said(wrong, 3)}
    assert len(manners) == 1
    assert "subject" in min(manners)
    others = [said(lambda y: y[:1, 1:], 1), said(lambda y: y.tolist(), 1)]
    laws = said(first, 1, "metamorphic")
    assert "one_tap" not in laws
    assert len({*manners, *others, laws, reduce.manner(KeyError("a"))}) == 5
    assert reduce.manner(KeyError("a")) == reduce.manner(KeyError("b"))

"""How sizes and boxes are cut: every output and every channel is computed once.

Loops have one turn here, of which nothing is known but that it is one (``models.Range``): turns of
``parts`` and ``runs`` append and yield, and carry nothing.

A box is cut axis by axis, and what is said of its runs is proved by induction on the axes: of one
more axis before a rest of any axes, whose run is any that the same is true of. The rest stands here
as one axis, of as many outputs, in row-major order: ``runs`` passes on what the rest's yields, and
never looks into it.
"""

from __future__ import annotations

from typing import Any

from npconv import _filter_gradients
from npconv._engine import plan
from parity.theorems.models import Range, Turn, compare, modelled, ranges
from parity.theorems.symbolic import both, implies, product_grows, same
from parity.theorems.theorem import INTEGER, NATURAL, POSITIVE, Check, theorem

Pair = tuple[Any, Any]
_CUT = {"size": POSITIVE, "rest": POSITIVE, "count": INTEGER, "lo": NATURAL, "hi": POSITIVE}


def _part(check: Check, size: Any, count: Any, turn: Turn) -> tuple[Any, Any, Any]:
    """Return one of the ranges into which a size is cut, and their number."""
    seen: list[Range] = []

    def loop(of: Range) -> Any:
        seen.append(of)
        return turn(of) if callable(turn) else turn

    with modelled(plan, range=ranges(check, loop)):
        ((lo, hi),) = plan.parts(size, count)
    return lo, hi, seen[0].stop


@theorem(
    "npconv._engine.plan.parts", "npconv._engine.plan.largest",
    size=NATURAL, count=INTEGER, turn=NATURAL,
)  # fmt: skip
def parts_follow_each_other(check: Check, size: Any, count: Any, turn: Any) -> None:
    """Each range begins where the one before ends, the first at 0; the last ends at the size.

    There are as many as were asked for, but at least one and at most the size. None is empty where
    the size is not 0, and none is longer than ``largest`` says, which is how long the last is.
    """
    wanted = max(1, min(size, count))
    check.assume(turn < wanted)
    lo, hi, made = _part(check, size, count, turn)
    check.holds(made == wanted, "there are so many")
    start, stop, _ = _part(check, size, count, made - 1)
    compare(check, made, lo, hi, start, stop, size, 0)
    check.holds(implies(turn == 0, lo == 0), "the first begins at 0")
    check.holds(stop == size, "the last ends at the size")
    check.holds(both(lo >= 0, hi <= size), "none goes beyond the size")
    check.holds(hi - lo >= (1 if size > 0 else 0), "none is empty")
    if turn + 1 < made:
        check.holds(_part(check, size, count, turn + 1)[0] == hi, "the next begins at the end")
    if size > 0:
        (side,) = plan.largest((size,), count)
        compare(check, made, side, hi - lo, stop - start)
        check.holds(hi - lo <= side, "none is longer than the largest")
        check.holds(stop - start == side, "the last is the largest")


def _holding(place: Any, size: Any) -> Turn:
    """Name the turn of ``parts`` whose range holds a place."""
    return lambda of: ((place + 1) * of.stop - 1) // size


@theorem("npconv._engine.plan.parts", size=POSITIVE, count=INTEGER, place=NATURAL, turn=NATURAL)
def each_place_is_in_one_part(check: Check, size: Any, count: Any, place: Any, turn: Any) -> None:
    """Each place below the size is in one of the ranges, and in no other."""
    check.assume(both(place < size, turn < max(1, min(size, count))))
    lo, hi, made = _part(check, size, count, _holding(place, size))
    number = ((place + 1) * made - 1) // size
    compare(check, size, number, turn, number + 1)
    compare(check, made, lo, hi, place)
    check.holds(both(lo <= place, place < hi), "a range holds it")
    lo, hi, _ = _part(check, size, count, turn)
    compare(check, made, lo, hi, place)
    check.holds(same(turn == number, both(lo <= place, place < hi)), "no other range does")


def _run(check: Check, box: Pair, count: Any, turn: Turn, rest: Pair) -> tuple[Any, ...]:
    """Return one run of an axis and a rest, by a run of the rest; and what the rest is cut into.

    Of the rest's run is assumed what is proved: it is of the rest, not empty, and all where that is
    not cut. The last is None where nothing is cut.
    """
    whole, counts = plan.runs, []

    def inner(sizes: tuple[Any, ...], count: Any) -> Any:
        check.holds(both(len(sizes) == 1, sizes[0] == box[1]), "the rest is what follows")
        lo, hi = rest if count > 1 else (0, box[1])
        check.assume(both(lo >= 0, lo < hi, hi <= box[1]))
        counts.append(count)
        yield ((lo, hi),)

    with modelled(plan, range=ranges(check, turn), runs=inner):
        (run,) = whole(box, count)
    return *run, counts[0] if counts else None


@theorem("npconv._engine.plan.runs", place=NATURAL, inner=NATURAL, **_CUT)
def each_output_is_in_a_run(
    check: Check, size: Any, rest: Any, count: Any, lo: Any, hi: Any, place: Any, inner: Any
) -> None:
    """One of the runs of a box holds a given output: if so of the rest, so with an axis before."""
    check.assume(both(place < size, lo <= inner, inner < hi, hi <= rest))
    check.holds(list(plan.runs((), count)) == [()], "of no axes, there is one")
    one, others, _ = _run(check, (size, rest), count, _holding(place, size), (lo, hi))
    check.holds(both(one[0] <= place, place < one[1]), "along the axis")
    check.holds(both(others[0] <= inner, inner < others[1]), "and in the rest")


@theorem("npconv._engine.plan.runs", turn=NATURAL, later=NATURAL, start=NATURAL, **_CUT)
def runs_ascend(
    check: Check, size: Any, rest: Any, count: Any, lo: Any, hi: Any,
    turn: Any, later: Any, start: Any,
) -> None:  # fmt: skip
    """In row-major order, each run lies after those before it: so no output is in two.

    A run is after another if it is in a later turn, or in the same and later in the rest.
    """
    check.assume(later >= turn)
    one, others, cut = _run(check, (size, rest), count, turn, (lo, hi))
    check.assume(cut is not None)
    two, more, _ = _run(check, (size, rest), count, later, (start, rest))
    check.assume((later > turn) | (more[0] >= others[1]))
    parts = max(1, min(size, count))
    compare(check, size, turn + 1, later)
    compare(check, parts, one[1], two[0])
    compare(check, rest, one[1], two[0])
    check.holds((one[1] <= two[0]) | (turn == later), "along the axis")
    last, first = (one[1] - 1) * rest + others[1] - 1, two[0] * rest + more[0]
    check.holds(last < first, "after it")


@theorem(
    "npconv._engine.plan.runs", "npconv._engine.plan.largest",
    turn=NATURAL, spare=NATURAL, **_CUT,
)  # fmt: skip
def runs_are_contiguous(
    check: Check, size: Any, rest: Any, count: Any, lo: Any, hi: Any, turn: Any, spare: Any
) -> None:
    """A run has all outputs from its first to its last, in row-major order, and at least one.

    It is not larger than ``largest``, along any axis or in all. If so of the rest, whose largest
    run may be larger than this one of it, so with an axis before, as the rest is cut alike.
    """
    one, others, cut = _run(check, (size, rest), count, turn, (lo, hi))
    rows, outputs = one[1] - one[0], others[1] - others[0]
    check.holds(both(one[0] >= 0, rows > 0, one[1] <= size), "of the box, not empty")
    side, below = plan.largest((size, rest), count)
    check.holds(below == (rest if cut is None else plan.largest((rest,), cut)[0]), "cut alike")
    check.holds(rows <= side, "not longer than the largest")
    whole = both(others[0] == 0, outputs == rest)
    check.holds(implies(rows > 1, whole), "below several, all")
    check.holds(implies(count <= 1, both(rows == size, whole)), "all, if not cut")
    first, last = one[0] * rest + others[0], (one[1] - 1) * rest + others[1] - 1
    check.holds(last - first + 1 == rows * outputs, "as many as from the first to the last")
    if cut is not None:
        most = outputs + spare
        check.lemma(product_grows(rows, side, outputs))
        check.lemma(product_grows(outputs, most, side))
        check.holds(rows * outputs <= side * most, "nor larger in all")


@theorem(
    "npconv._engine.plan.tiles",
    groups=POSITIVE, each=POSITIVE, shares=INTEGER, channel=NATURAL, lo=NATURAL, hi=POSITIVE,
    before=NATURAL, rows=POSITIVE, after=POSITIVE,
)  # fmt: skip
def tiles_have_every_channel_of_a_run_once(
    check: Check, groups: Any, each: Any, shares: Any, channel: Any, lo: Any, hi: Any,
    before: Any, rows: Any, after: Any,
) -> None:  # fmt: skip
    """Each run comes with each channel once, of several groups with whole ones, and its rows.

    The channels are those of a range of ``parts``, each of which stands for as many channels. Rows
    begin after those of the runs before, which are taken together here as one: as runs are
    contiguous and follow each other, they are rows of the patches matrix.
    """
    channels, outputs = groups * each, (rows, before + after)
    check.assume(channel < channels)
    unit = channels // groups
    compare(check, groups, unit, each)
    check.holds(unit == each, "the channels of a group")
    unit = each if groups > 1 else 1
    units = channels // unit
    compare(check, unit, units, groups)
    check.holds(units == (groups if groups > 1 else channels), "each is whole")
    runs = [((0, before),), ((0, rows), (before, before + after))]

    def parts(size: Any, count: Any) -> list[Pair]:
        check.holds(both(size == units, count == shares), "of all channels, so many shares")
        check.assume(both(lo < hi, hi <= size))
        return [(lo, hi)]

    def cut(sizes: tuple[Any, ...], count: Any) -> Any:
        check.holds(both(sizes == outputs, count == 4), "of all outputs, so many pieces")
        return iter(runs)

    with modelled(plan, parts=parts, runs=cut):
        first, second = plan.tiles(outputs, channels, groups, 4, shares)
    check.holds([first.outputs, second.outputs] == runs, "every run")
    check.holds(both(first.start == 0, first.stop == before), "from the first row")
    check.holds(both(second.start == before, second.stop == before + rows * after), "and on")
    number = channel // unit
    compare(check, unit, number, lo, hi, 0, units)
    for tile in (first, second):
        start, stop = tile.channels
        check.holds(both(start >= 0, start < stop, stop <= channels), "channels that there are")
        held = both(start <= channel, channel < stop)
        check.holds(same(held, both(lo <= number, number < hi)), "of whole parts")


@theorem(
    "npconv._filter_gradients._shares", rank=(1, 2), count=POSITIVE,
    kernel0=POSITIVE, kernel1=POSITIVE, channels=POSITIVE, groups=POSITIVE, filters=POSITIVE,
)  # fmt: skip
def filters_are_cut_once(
    check: Check, rank: int, count: Any, channels: Any, groups: Any, filters: Any,
    kernel0: Any, kernel1: Any,
) -> None:  # fmt: skip
    """Filters are cut by ``parts`` of one axis, or by ``runs`` of taps and channels; once.

    By all other axes a share is whole, so that it is in one share what is in one of the ranges.
    """
    shape = (*(kernel0, kernel1)[:rank], channels, groups, filters)
    cut: list[Any] = []  # of which size each range is one: ranges are only numbered here

    def parts(size: Any, number: Any) -> list[Pair]:
        check.holds(number == count, "into as many as are wanted")
        cut.append(size)
        return [("a range", len(cut))]

    def runs(sizes: tuple[Any, ...], number: Any) -> list[tuple[Pair, ...]]:
        return [tuple(parts(size, number)[0] for size in sizes)]

    with modelled(_filter_gradients, parts=parts, runs=runs):
        shares = _filter_gradients._shares(shape, count)
    check.holds(both(len(shares) == 1, len(shares[0]) == len(shape)), "a share of each range")
    for size, share in zip(shape, shares[0], strict=True):
        first, last = share
        if isinstance(first, str):
            check.holds(cut[last - 1] == size, "a range of the axis")
        else:
            check.holds(both(first == 0, last == size), "all of it")
    used = sorted(share[1] for share in shares[0] if isinstance(share[0], str))
    check.holds(used == [*range(1, len(cut) + 1)], "each range is used, once")

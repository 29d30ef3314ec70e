"""What a task does: compare the geometries of one block."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from parity.claims import exact
from parity.claims.check import Subject, failure, not_supported, sums_in_halves, under_test
from parity.engine import note
from parity.examples import corners
from parity.model import data
from parity.model.case import DTYPES, Array, Case
from parity.model.settings import Settings
from parity.oracles import bounds, compare, eigen
from parity.search import reduce
from parity.search.explore import Disagreement, describe
from parity.search.looks import looks_like
from parity.sweep.found import LISTED, Found, Remark
from parity.sweep.grid import Group
from parity.sweep.layers import Block

Oracle = Callable[..., Callable[[Case], Array]]
"""Takes the arrays of a case, channels last, then cases of other steps; gives what they compute."""
SUMMED = 8
"""Of what TensorFlow computes: each SUMMED-th group is summed exactly as well."""
EXACT = "the exact sums"


def block(settings: Settings, task: Block) -> Found:
    """Compare one block of a grid."""
    note.example(task.groups[0].cases(task.groups[0].formats[0])[0].token())
    return compared(task, under_test(task.scope), eigen.prepared)


def simplest(settings: Settings, token: str) -> Remark | None:
    """Return the smallest case that fails as `token` does; None if the claim `exact` passes it."""
    conv2d, failing = under_test(settings.scope), Case.parse(token)
    error = failure(exact.CLAIM, failing, conv2d)
    if error is None:
        return None
    found = Disagreement(exact.CLAIM.name, failing, describe(error))
    found = reduce.reduced(exact.CLAIM, found, conv2d)
    reason = compare.shortened(str(found).partition("\n")[2])
    if looks := looks_like(conv2d, found.example, settings.scope):
        reason += f"\nlooks like: {looks}"
    return Remark(found.example.token(), reason)


def compared(task: Block, conv2d: Subject, oracle: Oracle) -> Found:
    """Compare every geometry of a block with an oracle, bit for bit.

    The process's note says on which geometry each of them runs.
    """
    found = Found(block=task.number, classes=Counter())
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of depthwise strides with dilations
        for group in task.groups:
            _compare(group, conv2d, oracle, found)
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    return found


def _compare(group: Group, conv2d: Subject, oracle: Oracle, found: Found) -> None:
    sides = [group.cases(data_format) for data_format in group.formats]
    note.example(sides[0][0].token())
    arrays = [cases[0].arrays() for cases in sides]
    batches = list(_batches(sides, arrays))
    with note.calling(note.ORACLE):
        answers = [oracle(*given) for _, given in batches]
    for number, cases in enumerate(zip(*sides, strict=True)):
        note.example(token := cases[0].token())
        right: list[tuple[str, Array]] = []
        try:
            for (whole, given), answer in zip(batches, answers, strict=True):
                by, expected = _expected(whole[number], given, answer)
                formats_in_it = len(cases) // len(batches)
                right += [(by, one) for one in np.split(expected, formats_in_it)]
        except Exception as error:
            found.unanswered += len(cases)
            _keep(found.failed, token, f"{type(error).__name__}: {error}", most=1)
            continue
        for case, given, one in zip(cases, arrays, right, strict=True):
            _judge(case, conv2d, given, one, found)


def _batches(
    sides: list[list[Case]], arrays: list[tuple[Array, ...]]
) -> Iterator[tuple[list[Case], tuple[Array, ...]]]:
    """Yield calls and their arrays with channels last, those of all formats as one batch.

    But not gradients of filters, which are sums over the batch.
    """
    turned: list[tuple[list[Case], tuple[Array, ...]]] = []
    for cases, some in zip(sides, arrays, strict=True):
        of, last = cases[0].of, cases
        if cases[0].data_format == "NCHW":
            count = 2 if of.gives == "filters" else 1
            moved = (np.moveaxis(one, -1 - of.axes, -1) for one in some[:count])
            some = (*moved, *some[count:])
            shape = cases[0].in_nhwc(cases[0].input_shape)
            last = [replace(case, data_format="NHWC", input_shape=shape) for case in cases]
        turned.append((last, some))
    if sides[0][0].of.gives == "filters":
        yield from turned
        return
    (cases, (_, *filters)), *_ = turned
    if len({some[1].tobytes() for _, some in turned}) > 1:
        raise AssertionError("the data_format must not change the filters of a case")
    batch, *image = cases[0].input_shape
    shape = (len(sides) * batch, *image)
    images = np.concatenate([some[0] for _, some in turned])
    yield [replace(case, input_shape=shape) for case in cases], (images, *filters)


def _expected(
    case: Case, arrays: tuple[Array, ...], answer: Callable[[Case], Array]
) -> tuple[str, Array]:
    """Return who says what is right, and it: TensorFlow where it can, else the exact sums."""
    rounds = sums_in_halves(case, note.ORACLE) and not bounds.exact_in_halves(case, *arrays)
    if rounds or not eigen.answers(case):
        return EXACT, bounds.integers(case, *arrays)
    with note.calling(note.ORACLE):
        theirs = answer(case)
    if case.seed % SUMMED == 0:
        exact = bounds.integers(case, *arrays)
        compare.assert_exact(case=case, got=theirs, expected=exact, names=(note.ORACLE, EXACT))
    return note.ORACLE, theirs


def _judge(
    case: Case,
    conv2d: Subject,
    arrays: tuple[Array, ...],
    right: tuple[str, Array],
    found: Found,
) -> None:
    """Count one geometry, and say how the subject differs from what is right if it does."""
    by, expected = right
    if case.data_format == "NCHW" and case.of.gives != "filters":
        expected = np.moveaxis(expected, -1, -1 - case.of.axes)
    note.example(token := case.token())
    given = tuple(one.copy() for one in arrays)
    reason = refused = ""
    try:
        got = case.call_on(conv2d, *given)
        compare.assert_exact(case=case, got=got, expected=expected, names=("subject", by))
    except Exception as error:
        if not_supported(error):
            refused = f"{type(error).__name__}: {error}"
        else:
            reason = compare.shortened(describe(error))
    if not reason and [one.tobytes() for one in given] != [one.tobytes() for one in arrays]:
        reason = "the subject writes into its arguments"
    if refused and not reason:
        found.not_supported += 1
        _keep(found.refused, token, refused, most=1)
        return
    if reason:
        found.disagreements += 1
        _keep(found.listed, token, reason, most=LISTED)
    found.compared += 1
    found.outputs += expected.size
    found.answered += by == note.ORACLE
    found.nonzero += int(np.count_nonzero(expected))
    if case.kind == "uniform":
        chance = data.survival(DTYPES[case.dtype], case.terms)
        found.uniform += 1
        found.chance += chance
        found.likeliest = max(found.likeliest, chance)
    for name in corners.classes(case):
        found.classes[name] = found.classes.get(name, 0) + 1


def _keep(remarks: list[Remark], token: str, reason: str, *, most: int) -> None:
    if len(remarks) < most:
        remarks.append(Remark(token, reason))

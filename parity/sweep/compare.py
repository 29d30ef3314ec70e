"""What a task does: compare the geometries of one block."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import numpy as np

from parity.claims import exact
from parity.claims.check import Subject, failure, not_supported, under_test
from parity.engine import note
from parity.examples import corners
from parity.model.case import Array, Case
from parity.model.settings import Settings
from parity.oracles import compare, eigen
from parity.search import reduce
from parity.search.explore import Disagreement, describe
from parity.search.looks import looks_like
from parity.sweep.found import LISTED, Found, Remark
from parity.sweep.grid import Group
from parity.sweep.layers import Block

Oracle = Callable[[Array, Array], Callable[[Case], Array]]
"""Takes input (N, H, W, C) and filters, then a case for its steps; gives (N, OH, OW, OC)."""


def block(settings: Settings, task: Block) -> Found:
    """Compare one block of a grid."""
    note.example(task.groups[0].cases(task.formats[0])[0].token())
    return compared(task, under_test(settings.scope), eigen.prepared)


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
    for group in task.groups:
        _compare(group, task.formats, conv2d, oracle, found)
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    return found


def _compare(
    group: Group, formats: tuple[str, ...], conv2d: Subject, oracle: Oracle, found: Found
) -> None:
    sides = [group.cases(data_format) for data_format in formats]
    note.example(sides[0][0].token())
    arrays = [cases[0].arrays() for cases in sides]
    if len({w.tobytes() for _, w in arrays}) > 1:
        raise AssertionError("the data_format must not change the filters of a case")
    # One call of the oracle, in NHWC, serves every format: their images make one batch.
    images = [
        x if data_format == "NHWC" else x.transpose(0, 2, 3, 1)
        for data_format, (x, _) in zip(formats, arrays, strict=True)
    ]
    with note.calling(note.ORACLE):
        answer = oracle(np.concatenate(images), arrays[0][1].copy())
    for cases in zip(*sides, strict=True):
        note.example(token := cases[0].token())
        try:
            with note.calling(note.ORACLE):
                outputs = np.split(answer(cases[0]), len(cases))
        except Exception as error:
            found.unanswered += len(cases)
            _keep(found.failed, token, f"{type(error).__name__}: {error}", most=1)
            continue
        for case, (x, w), expected in zip(cases, arrays, outputs, strict=True):
            if case.data_format == "NCHW":
                expected = expected.transpose(0, 3, 1, 2)
            _judge(case, conv2d, x, w, expected, found)


def _judge(case: Case, conv2d: Subject, x: Array, w: Array, expected: Array, found: Found) -> None:
    """Count one geometry, and say how the subject differs from `expected` if it does."""
    note.example(token := case.token())
    given = x.copy(), w.copy()
    reason = refused = ""
    try:
        got = case.call_on(conv2d, *given)
        compare.assert_exact(case=case, got=got, expected=expected, names=("subject", "TensorFlow"))
    except Exception as error:
        if not_supported(error):
            refused = f"{type(error).__name__}: {error}"
        else:
            reason = compare.shortened(describe(error))
    if not reason and [one.tobytes() for one in given] != [x.tobytes(), w.tobytes()]:
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
    found.nonzero += int(np.count_nonzero(expected))
    for name in corners.classes(case):
        found.classes[name] = found.classes.get(name, 0) + 1


def _keep(remarks: list[Remark], token: str, reason: str, *, most: int) -> None:
    if len(remarks) < most:
        remarks.append(Remark(token, reason))

"""What a worker process does: compare the geometries of one block."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.claims.check import failure, under_test
from parity.engine import note
from parity.engine.jobs import Send
from parity.examples import corners
from parity.model.case import Array, Case, Conv2d
from parity.model.settings import Settings
from parity.oracles import compare
from parity.search.explore import Disagreement, describe
from parity.sweep.grid import Block, LayerBlock, Step, case
from parity.sweep.layers import Task

LISTED = 10
"""Disagreements that are told with a token; the others are only counted."""

Answer = Callable[[Step], Array]
Oracle = Callable[[Array, Array], Answer]
"""Takes input (N, H, W, C) and filters, then a step, and gives the output (N, OH, OW, OC)."""


@dataclass
class Found:
    """What the comparison of a block has found.

    Attributes
    ----------
    block
        The number of the block.
    compared, outputs, nonzero
        Geometries, values compared, values that are not 0.
    not_supported, unanswered
        Geometries that the subject does not support (NotImplementedError), and those on which
        TensorFlow failed: nobody knows what is right there.
    wall, cpu
        Seconds that it took, without the start of the process.
    classes
        Geometries of each corner class.
    disagreements
        How many geometries disagree.
    listed
        Token and reason of the first of them.
    refused, failed
        Token and reason of the first geometry not supported, and of the first unanswered.
    """

    block: int
    compared: int = 0
    outputs: int = 0
    nonzero: int = 0
    not_supported: int = 0
    unanswered: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    classes: Counter[str] = field(default_factory=Counter)
    disagreements: int = 0
    listed: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return this as JSON knows it."""
        return vars(self) | {"classes": dict(self.classes)}


def work(settings: Settings, task: Task, send: Send) -> None:
    """Compare one block of a grid; send `Found`."""
    from parity.sweep.eigen import eigen

    grid: Any = task[0]
    block = task[1]
    shapes, steps = next(iter(grid.geometries(block)))
    send.note(case(block, shapes, steps[0], grid.formats[0]).token())
    send(compare_block(grid, block, under_test(settings.scope), eigen))


def simplify(settings: Settings, token: str, send: Send) -> None:
    """Send the token and reason of the smallest case that fails as `token` does."""
    from parity import claims
    from parity.search import reduce

    conv2d, claim = under_test(settings.scope), claims.CLAIMS["exact"]
    failing = Case.parse(token)
    error = failure(claim, failing, conv2d)
    if error is not None:
        found = Disagreement(claim.name, failing, describe(error))
        found = reduce.reduced(claim, found, conv2d)
        reason = compare.shortened(str(found).partition("\n")[2])
        send({"token": found.example.token(), "reason": reason})


def compare_block(grid: Any, block: Block | LayerBlock, conv2d: Conv2d, oracle: Oracle) -> Found:
    """Compare every geometry of a block with an oracle, bit for bit.

    Parameters
    ----------
    grid, block
        What is compared: one of the two grids, and one of its blocks.
    conv2d, oracle
        By what, and with what.  The process's note says on which geometry each runs.
    """
    found = Found(block.number)
    wall, cpu = time.perf_counter(), time.process_time()
    for shapes, steps in grid.geometries(block):
        inputs, filters = {}, []
        for data_format in grid.formats:
            # The arrays of a case do not depend on its step.
            inputs[data_format], w = case(block, shapes, steps[0], data_format).arrays()
            filters.append(w)
        kept = [array.tobytes() for array in (*inputs.values(), w)]
        if any(other.tobytes() != kept[-1] for other in filters):
            raise AssertionError("the data_format must not change the filters of a case")
        # One call of the oracle, in NHWC, serves every format: their images make one batch.
        note.example(case(block, shapes, steps[0], grid.formats[0]).token())
        with note.calling(note.ORACLE):
            answer = oracle(np.concatenate([_nhwc(*one) for one in inputs.items()]), w.copy())
        for step in steps:
            note.example(token := case(block, shapes, step, grid.formats[0]).token())
            try:
                with note.calling(note.ORACLE):
                    expected = answer(step)
            except Exception as error:
                found.unanswered += len(grid.formats)
                _keep(found.failed, token, f"{type(error).__name__}: {error}", most=1)
                continue
            for number, (data_format, x) in enumerate(inputs.items()):
                part = expected[number * shapes.batch : (number + 1) * shapes.batch]
                if data_format == "NCHW":
                    part = part.transpose(0, 3, 1, 2)
                this = case(block, shapes, step, data_format)
                note.example(token := this.token())
                reason, refused = "", ""
                try:
                    reason = _difference(this, conv2d, x, w, part)
                except NotImplementedError as error:
                    refused = f"{type(error).__name__}: {error}"
                if [x.tobytes(), w.tobytes()] != [kept[number], kept[-1]]:
                    reason = reason or "the subject writes into its arguments"
                    for array, data in ((x, kept[number]), (w, kept[-1])):
                        array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
                if reason:
                    found.disagreements += 1
                    _keep(found.listed, token, reason, most=LISTED)
                elif refused:
                    found.not_supported += 1
                    _keep(found.refused, token, refused, most=1)
                    continue
                found.compared += 1
                found.outputs += part.size
                found.nonzero += int(np.count_nonzero(part))
                found.classes.update(corners.classes(this))
    found.wall, found.cpu = time.perf_counter() - wall, time.process_time() - cpu
    return found


def _keep(found: list[tuple[str, str]], token: str, reason: str, *, most: int) -> None:
    if len(found) < most:
        found.append((token, reason))


def _nhwc(data_format: str, x: Array) -> Array:
    return x if data_format == "NHWC" else x.transpose(0, 2, 3, 1)


def _difference(case: Case, conv2d: Conv2d, x: Array, w: Array, expected: Array) -> str:
    """Say how the subject differs from `expected`; "" if it does not.

    Raises
    ------
    NotImplementedError
        The subject's own: it does not support the case.
    """
    try:
        with note.calling(note.SUBJECT):
            got = case.call_on(conv2d, x, w)
        if (
            type(got) is np.ndarray
            and got.shape == expected.shape
            and got.dtype == expected.dtype
            and got.tobytes() == expected.tobytes()
        ):
            return ""
        compare.assert_exact(case=case, got=got, expected=expected, names=("subject", "TensorFlow"))
    except NotImplementedError:
        raise
    except Exception as error:
        return compare.shortened(describe(error))
    return ""

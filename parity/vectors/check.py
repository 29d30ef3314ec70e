"""``python -m parity check DIR``: hold a kernel, or files that it has left, against golden vectors.

Every result is held to the bound that ``parity export`` has written for it.  Neither npconv nor
TensorFlow is needed, unless one of them is the subject.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.table import Table

from parity import engine
from parity.claims.check import Subject, not_supported
from parity.claims.trust import MOST_NOT_SUPPORTED
from parity.cli import options, terminal
from parity.engine import Outcome, note
from parity.examples.corners import within
from parity.model import verdict
from parity.model.case import Array, Case
from parity.model.operation import OPERATIONS
from parity.model.settings import Settings
from parity.model.subject import DEFAULT, MODULE, load
from parity.model.verdict import AGREES, DISAGREES, Verdict, WrongCall
from parity.vectors.manifest import Manifest, Vector, array, in_dtype, read, stored

OPEN, MISSING = "not supported", "no file"
KINDS = (AGREES, DISAGREES, OPEN, MISSING)
_LISTED = 10


@dataclass(frozen=True)
class Question:
    """A case of a folder of some form, and who has computed it: a subject, or files in `outputs`.

    `flush`: whether its bound is the one for kernels that flush subnormal numbers.
    """

    folder: Path
    form: str
    vector: Vector
    subject: str
    outputs: Path | None
    flush: bool


@dataclass(frozen=True)
class Answer:
    """What came of a case, in words, and the largest |result - output| / bound."""

    kind: str
    said: str
    ratio: float = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="what parity export has written")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--subject",
        metavar="MODULE:CALLABLE",
        help="what to call, with TensorFlow's signature; or a MODULE that has functions of the"
        f" operations' names (default: {MODULE})",
    )
    whose.add_argument(
        "--outputs",
        type=Path,
        metavar="DIR2",
        help="what a kernel has left: a file NAME.npy or NAME.bin for each case of the manifest",
    )
    parser.add_argument(
        "--operation",
        choices=tuple(OPERATIONS),
        metavar="NAME",
        help="only the cases of this one (default: all that the manifest has)",
    )
    options.add_scope(parser, claims=False)
    options.add_patience(parser)


def run(arguments: argparse.Namespace) -> Verdict:
    """Check every case: 1 if one disagrees, 3 if too few were compared."""
    folder: Path = arguments.folder
    manifest = read(folder)
    if manifest.form == "onnx":
        raise WrongCall(
            f"{folder} is for onnx's own runner; --format npz, json+raw and c are checked here"
        )
    questions, settings = _asked(arguments, manifest)
    answers: dict[str, Answer] = {}

    def heard(outcome: Outcome[Question, Answer]) -> None:
        crash = outcome.crash
        if crash is not None and not (crash.of_subject or crash.status is None):
            raise RuntimeError(str(crash))
        found = outcome.result or Answer(DISAGREES, f"the process: {crash}")
        answers[outcome.task.vector.name] = found

    if arguments.outputs:
        answers = {one.vector.name: answered(settings, one) for one in questions}
    else:
        engine.run(answered, questions, settings, heard)
    return _told(f"{arguments.outputs or questions[0].subject} and {folder}", questions, answers)


def _asked(arguments: argparse.Namespace, manifest: Manifest) -> tuple[list[Question], Settings]:
    """Return the cases within the scope, and how they are run."""
    given = argparse.Namespace(**vars(arguments))
    given.operation = None
    if arguments.outputs:
        if not arguments.outputs.is_dir():
            raise WrongCall(f"--outputs: there is no directory {arguments.outputs}")
        given.subject = "files:left"
    scope = options.scope(given)
    try:
        cases = [(vector, Case.parse(vector.token)) for vector in manifest.cases]
    except ValueError as error:
        raise WrongCall(f"{arguments.folder}: {error}") from error
    kept = [
        (vector, case)
        for vector, case in cases
        if arguments.operation in (None, case.operation)
        and within(case, replace(scope, operation=case.operation))
    ]
    if not kept:
        raise WrongCall(f"none of the {len(cases)} cases of {arguments.folder} is asked for")
    of = sorted({case.operation for _, case in kept})
    subject = MODULE if scope.subject == DEFAULT else scope.subject
    if ":" in subject and len(of) > 1:
        raise WrongCall(
            f"the cases are of {', '.join(of)}: --operation has to say which one {subject} is, or"
            " --subject a module that has all of them"
        )
    flush = not scope.has("subnormals")
    questions = [
        Question(
            arguments.folder,
            manifest.form,
            vector,
            subject if ":" in subject else f"{subject}:{case.operation}",
            arguments.outputs,
            flush,
        )
        for vector, case in kept
    ]
    given.subject = questions[0].subject
    return questions, Settings() if arguments.outputs else options.settings(given)


def answered(settings: Settings, question: Question) -> Answer:
    """Compute one case, or read what was computed, and compare."""
    vector, folder, form = question.vector, question.folder, question.form
    note.example(vector.token)
    expected = array(folder, form, vector.output)
    of = vector.tolerance
    bound = of.flushing if question.flush and of.flushing else of.bound
    if bound is None:
        raise WrongCall(f"{folder}: {vector.name} has no bound")
    try:
        if question.outputs:
            got = left(question.outputs, vector)
            if got is None:
                return Answer(MISSING, f"neither {vector.name}.npy nor {vector.name}.bin is there")
        else:
            with note.calling(note.SUBJECT):
                subject = Subject(load(question.subject), settings.scope)
            given = [array(folder, form, one) for one in vector.inputs]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what TensorFlow thinks of its own arguments
                got = np.asarray(Case.parse(vector.token).call_on(subject, *given))
        got = in_dtype(got, vector.output)
    except Exception as error:
        kind = OPEN if not_supported(error) else DISAGREES
        return Answer(kind, f"{type(error).__name__}: {error}", math.inf)
    return compared(got, expected, array(folder, form, bound))


def left(outputs: Path, vector: Vector) -> Array | None:
    """Return what a kernel has left of a case in `outputs`; None if nothing.

    Raises
    ------
    ValueError
        If it is no array of this output's size.
    """
    file = outputs / f"{vector.name}.npy"
    if file.is_file():
        found: Array = np.load(file, allow_pickle=False)
        return found
    file = file.with_suffix(".bin")
    if not file.is_file():
        return None
    return np.fromfile(file, stored(vector.output.dtype)).reshape(vector.output.shape)


def compared(got: Array, expected: Array, bound: Array) -> Answer:
    """Hold a result to its bound, see `parity.vectors.manifest.CONVENTIONS`."""
    wide = np.int64 if got.dtype.kind == "i" else np.float64
    with np.errstate(all="ignore"):
        value, right = got.astype(wide), expected.astype(wide)
        same = (value == right) | ((value != value) & (right != right))
        error = np.where(same, 0.0, np.abs(value - right))
        error = np.where(np.isnan(error), np.inf, error)  # a NaN, where there is to be none
        ratio = np.where(same | (bound == np.inf), 0.0, error / bound)
    beyond = ~(error <= bound)
    if not beyond.any():
        largest = float(ratio.max(initial=0))
        return Answer(AGREES, f"{got.size} outputs, largest error / bound {largest:.3f}", largest)
    index = np.unravel_index(int(np.argmax(np.where(beyond, ratio, -1))), got.shape)
    worst = tuple(int(one) for one in index)
    said = (
        f"{int(beyond.sum())} of {got.size} outputs beyond the bound, the worst at {worst}:\n"
        f"  result {got[index]!r}, exact {expected[index]!r}\n"
        f"  error {error[index]:.4g}, bound {bound[index]:.4g}, ratio {ratio[index]:.4g}"
    )
    return Answer(DISAGREES, said, float(ratio[index]))


def _told(title: str, questions: Iterable[Question], answers: dict[str, Answer]) -> Verdict:
    """Print a table and what disagrees; return the verdict."""
    to = terminal.console()
    rows: dict[tuple[str, str], list[tuple[Vector, Answer]]] = defaultdict(list)
    by_kind: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for question in questions:
        vector, found = question.vector, answers[question.vector.name]
        rows[vector.operation, vector.output.dtype].append((vector, found))
        by_kind[found.kind].append((vector.name, found.said))
        if found.kind == DISAGREES and len(by_kind[DISAGREES]) <= _LISTED:
            said = f"DISAGREES {vector.name}: {vector.token}\n{found.said}"
            to.print(said, style="red", markup=False, highlight=False, soft_wrap=True)
    table = Table("operation", "dtype", title=title)
    for heading in ("cases", "outputs", "largest error / bound", *KINDS[1:]):
        table.add_column(heading, justify="right")
    for (operation, dtype), row in rows.items():
        numbers = [sum(found.kind == kind for _, found in row) for kind in KINDS]
        compared_ = [(v, a) for v, a in row if a.kind in (AGREES, DISAGREES)]
        outputs = sum(math.prod(vector.output.shape) for vector, _ in compared_)
        largest = max((answer.ratio for _, answer in compared_), default=0.0)
        cells = f"{len(row):,}", f"{outputs:,}", f"{largest:.3g}", *map(str, numbers[1:])
        table.add_row(operation, dtype, *cells)
    to.print(table)
    asked = len(answers)
    doubts = []
    if missing := by_kind[MISSING]:
        doubts.append(f"{len(missing)} of {asked} cases have no file: {missing[0][1]}")
    if len(refused := by_kind[OPEN]) > MOST_NOT_SUPPORTED * asked:
        doubts.append(
            f"{len(refused)} of {asked} cases are not supported: say so by --without, --dtypes or"
            f" --layouts; the first: {refused[0][0]}: {refused[0][1]}"
        )
    for doubt in doubts:
        to.print(f"MISTRUSTED: {doubt}", style="bold yellow", markup=False, soft_wrap=True)
    said = f"{len(by_kind[AGREES])} of {asked} cases agree, {len(by_kind[DISAGREES])} disagree"
    to.print(said, highlight=False)
    return Verdict.of(
        verdict.verdict(by_kind[DISAGREES], doubts),
        title,
        agreeing=by_kind[AGREES],
        failures=by_kind[DISAGREES],
        doubts=doubts,
        left_out=by_kind[OPEN],
    )

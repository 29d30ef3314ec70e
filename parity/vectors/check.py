"""``python -m parity check DIR``: hold a kernel, or files that it has left, against golden vectors.

Every result is held to the bound that ``parity export`` has written for it.  Neither npconv nor
TensorFlow is needed, but as the subject.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from math import inf, prod
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
from parity.model.settings import Settings
from parity.model.subject import DEFAULT, MODULE, load
from parity.model.verdict import AGREES, DISAGREES, DOUBTED, LEFT_OUT, Verdict, WrongCall
from parity.vectors.manifest import Vector, array, in_dtype, read, stored

_LISTED = 10


@dataclass(frozen=True)
class Question:
    """A case, the folder it is in and the form of that, and who has computed it.

    That is the callable `subject`, or what has left its results in the folder `outputs`.
    """

    vector: Vector
    folder: Path
    form: str
    subject: str = ""
    outputs: Path | None = None


@dataclass(frozen=True)
class Answer:
    """What came of a case, in words, and the largest |result - output| / bound."""

    status: str
    said: str
    ratio: float = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="what parity export has written")
    whose = parser.add_mutually_exclusive_group()
    help = "what to call; MODULE alone for one that has the operations by their names"
    whose.add_argument("--subject", metavar="MODULE:CALLABLE", help=f"{help} (default: {MODULE})")
    help = "what a kernel has left: NAME.npy, or NAME.bin, for each case of the manifest"
    whose.add_argument("--outputs", type=Path, metavar="DIR2", help=help)
    options.add_scope(parser, claims=False)
    options.add_patience(parser)


def run(arguments: argparse.Namespace) -> Verdict:
    """Check every case within the scope: 1 if one disagrees, 3 if too few were compared."""
    questions, settings = _asked(arguments)
    answers: dict[str, Answer] = {}

    def heard(outcome: Outcome[Question, Answer]) -> None:
        if outcome.crash and outcome.crash.status is None:
            raise WrongCall(f"{outcome.task.folder}: {outcome.crash.reason}")
        found = outcome.result or Answer(DISAGREES, f"the process: {outcome.crash}", inf)
        answers[outcome.task.vector.name] = found

    if arguments.outputs:
        answers = {one.vector.name: answered(settings, one) for one in questions}
    else:
        engine.run(answered, questions, settings, heard)
    return _told(questions, answers, most_left_out=0 if arguments.outputs else MOST_NOT_SUPPORTED)


def _asked(arguments: argparse.Namespace) -> tuple[list[Question], Settings]:
    """Return the cases within the scope, and how they are run."""
    folder, outputs = arguments.folder, arguments.outputs
    manifest = read(folder)
    if manifest.form == "onnx":
        raise WrongCall(f"{folder} is for ONNX's own runner: export another format for this one")
    if outputs and not outputs.is_dir():
        raise WrongCall(f"--outputs: there is no directory {outputs}")
    given = argparse.Namespace(**(vars(arguments) | {"operation": None}))
    given.subject = "files:" if outputs else given.subject
    scope = options.scope(given)
    subject = MODULE if scope.subject == DEFAULT else scope.subject
    cases = [(vector, Case.parse(vector.token)) for vector in manifest.cases]
    kept = [one for one in cases if within(one[1], replace(scope, operation=one[1].operation))]
    of = dict.fromkeys(case.operation for _, case in kept)
    if not of:
        raise WrongCall(f"{folder} has no such case")
    if len(of) > 1 and ":" in subject and not outputs:
        raise WrongCall(f"{folder} has cases of {', '.join(of)}: --subject MODULE has them all")
    questions = []
    for vector, case in kept:
        whole = subject if ":" in subject else f"{subject}:{case.operation}"
        questions.append(Question(vector, folder, manifest.form, whole, outputs))
    given.subject = questions[0].subject
    return questions, Settings() if outputs else options.settings(given)


def answered(settings: Settings, question: Question) -> Answer:
    """Compute one case, or read what was computed, and compare."""
    vector, folder, form = question.vector, question.folder, question.form
    note.example(vector.token)
    *inputs, output, bound = vector.tensors
    given = [array(folder, form, one) for one in inputs]
    expected, most = array(folder, form, output), array(folder, form, bound)
    try:
        if question.outputs:
            got = _left(question.outputs, vector)
        else:
            with note.calling(note.SUBJECT), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what TensorFlow thinks of its own arguments
                subject = Subject(load(question.subject), settings.scope)
                got = np.asarray(Case.parse(vector.token).call_on(subject, *given))
        return compared(in_dtype(got, output), expected, most)
    except Exception as error:
        missing = question.outputs and isinstance(error, FileNotFoundError)
        missing = missing or not_supported(error)
        return Answer(LEFT_OUT if missing else DISAGREES, f"{type(error).__name__}: {error}", inf)


def _left(outputs: Path, vector: Vector) -> Array:
    """Return what a kernel has left of a case."""
    output = vector.tensors[-2]
    file = outputs / f"{vector.name}.npy"
    if file.is_file():
        found: Array = np.load(file, allow_pickle=False)
        return found
    return np.fromfile(file.with_suffix(".bin"), stored(output.dtype)).reshape(output.shape)


def compared(got: Array, expected: Array, bound: Array) -> Answer:
    """Hold a result to its bound, see `parity.vectors.manifest.CONVENTIONS`."""
    wide = np.int64 if got.dtype.kind == "i" else np.float64
    with np.errstate(all="ignore"):
        value, right = got.astype(wide), expected.astype(wide)
        same = (value == right) | ((value != value) & (right != right))
        error = np.where(same, 0.0, np.abs(value - right))
        inside = same | (error <= bound) | (bound == inf)
        ratio = np.where(same | (bound == inf), 0.0, error / bound)
    ratio = np.where(np.isnan(ratio), inf, ratio)
    largest = float(ratio.max(initial=0.0))
    if inside.all():
        return Answer(AGREES, f"{got.size} outputs, error / bound up to {largest:.3f}", largest)
    index = tuple(map(int, np.unravel_index(int(np.where(inside, -1, ratio).argmax()), got.shape)))
    said = (
        f"{int((~inside).sum())} of {got.size} outputs beyond the bound, the worst at {index}:"
        f" {got[index]!r}, exact {expected[index]!r},"
        f" error {error[index]:.4g}, bound {bound[index]:.4g}, ratio {ratio[index]:.4g}"
    )
    return Answer(DISAGREES, said, float(ratio[index]))


def _told(
    questions: list[Question], answers: dict[str, Answer], *, most_left_out: float
) -> Verdict:
    """Print a table and what disagrees; return the verdict."""
    to, rows, parts, whole = terminal.console(), defaultdict(list), defaultdict(list), 0
    for vector in (one.vector for one in questions):
        answer = answers[vector.name]
        rows[vector.operation, vector.tensors[-2].dtype].append((vector, answer))
        parts[answer.status].append((vector.name, f"{vector.token}\n{answer.said}"))
    for name, said in parts[DISAGREES][:_LISTED]:
        text = f"{DISAGREES} {name}: {said}"
        to.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    whose = questions[0].outputs or questions[0].subject.partition(":")[0]
    table = Table("operation", "dtype", title=f"{whose} and {questions[0].folder}")
    for heading in ("cases", "outputs", "error / bound", DISAGREES, LEFT_OUT):
        table.add_column(heading, justify="right")
    for (operation, dtype), row in rows.items():
        met = [(vector, answer) for vector, answer in row if answer.status != LEFT_OUT]
        outputs = sum(prod(vector.tensors[-2].shape) for vector, _ in met)
        whole += outputs
        largest = max((answer.ratio for _, answer in met), default=0.0)
        wrong = sum(answer.status == DISAGREES for _, answer in met)
        counts = len(row), f"{outputs:,}", f"{largest:.3f}", wrong, len(row) - len(met)
        table.add_row(operation, dtype, *map(str, counts))
    to.print(table)
    doubts = [] if whole else ["no output was compared"]
    if len(parts[LEFT_OUT]) > most_left_out * len(answers):
        none = f"{len(parts[LEFT_OUT])} of {len(answers)} cases have no result"
        doubts.append(f"{none}, the first {': '.join(parts[LEFT_OUT][0])}")
    for doubt in doubts:
        to.print(f"{DOUBTED}: {doubt}", style="bold yellow", markup=False, soft_wrap=True)
    title = (
        f"{len(parts[AGREES])} of {len(answers)} cases within their bounds,"
        f" {len(parts[DISAGREES])} beyond, {len(parts[LEFT_OUT])} without a result"
    )
    to.print(title, highlight=False)
    return Verdict.of(
        verdict.verdict(parts[DISAGREES], doubts),
        title,
        agreeing=parts[AGREES],
        failures=parts[DISAGREES],
        doubts=doubts,
        left_out=parts[LEFT_OUT],
    )

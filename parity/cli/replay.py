"""``python -m parity replay TOKEN``: check one example again, by every claim that admits it.

The first failure is reduced, and told by what it looks like.
"""

from __future__ import annotations

import argparse
import shlex
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from parity import engine
from parity.cli import options
from parity.engine import Outcome
from parity.model import known, verdict
from parity.model.case import Case
from parity.model.script import script
from parity.model.settings import Settings
from parity.model.subject import DEFAULT, MODULE, Scope
from parity.store.records import Failure

HOLDS, FAILS, DOUBTED, OPEN = "holds", "DISAGREES", "MISTRUSTED", "not supported"


@dataclass(frozen=True)
class Question:
    """A claim and an example; `reduce` and `look` ask what to make of its failure."""

    claim: str
    token: str
    reduce: bool = False
    look: bool = False


@dataclass(frozen=True)
class Answer:
    """What was found out, in words; the token of a smaller example, if that was asked."""

    kind: str
    said: str
    token: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("token", nargs="+", help="the example's token, in quotes or not")
    parser.add_argument("--snippet", action="store_true", help="also print a script for the case")
    options.add_subject(parser)


def command(token: str, scope: Scope) -> str:
    """Return the line for a shell that checks `token` again on the subject of `scope`."""
    default = f"{MODULE}:{scope.operation}"
    whose = "" if scope.subject == default else f" --subject {scope.subject}"
    if whose and scope.operation != "conv2d":
        whose += f" --operation {scope.operation}"
    asked = f"python -m parity replay {shlex.quote(token)}{whose}{_narrowed(scope)}"
    return f"{_found_by(scope.subject)}{asked}"


def _narrowed(scope: Scope) -> str:
    """Return the options that narrow what is asked of a subject, its claims apart."""
    whole = Scope()
    formats = scope.formats if scope.formats != whole.formats else ()
    layouts = scope.layouts if scope.layouts != whole.layouts else ()
    names = {
        "--dtypes": scope.dtypes if scope.dtypes != whole.dtypes else (),
        "--layouts": (*formats, *layouts),
        "--without": sorted(one.replace(" ", "-") for one in scope.without),
    }
    error = f" --error {shlex.quote(scope.error)}" if scope.bound else ""
    return "".join(f" {name} {','.join(some)}" for name, some in names.items() if some) + error


def _found_by(subject: str) -> str:
    """Return how a shell says where `subject` is found, if it lies in no usual place."""
    spec = find_spec(subject.partition(":")[0].partition(".")[0])
    if spec is None or spec.origin is None:
        return ""
    folder = Path(spec.origin).parent
    folder = folder.parent if spec.submodule_search_locations else folder
    usual = {Path.cwd(), *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))}
    return "" if folder in usual else f"PYTHONPATH={shlex.quote(str(folder))} "


def run(arguments: argparse.Namespace) -> verdict.Verdict:
    """Print what each claim says: 1 if one fails that is not known, 3 if nothing tells."""
    from parity import claims

    console = Console()
    token = " ".join(arguments.token)
    if token.split()[:1] == ["theorem"]:
        from parity.theorems.command import replayed

        return replayed(token, console)
    settings = options.settings(arguments)
    try:
        example = claims.parse(token)
        if isinstance(example, Case) and settings.scope.subject == DEFAULT:
            name = example.operation
            scope = replace(settings.scope, operation=name, subject=f"{MODULE}:{name}")
            settings = replace(settings, scope=scope)
        admitting = claims.admitting(example, settings.scope)
    except ValueError as error:
        raise verdict.WrongCall(str(error)) from error
    if not admitting:
        raise verdict.WrongCall("none of the claims that were asked for admits this example")

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    kinds: list[str] = []
    answers: dict[str, list[tuple[str, str]]] = {kind: [] for kind in (HOLDS, FAILS, DOUBTED, OPEN)}
    smallest = [token]

    def heard(outcome: Outcome[Question, Answer]) -> Iterable[Question]:
        asked, answer, crash = outcome.task, outcome.result, outcome.crash
        if crash is not None:
            kinds.append(FAILS if crash.of_subject else DOUBTED)
            answers[kinds[-1]].append((asked.claim, str(crash)))
            say(f"{asked.claim}: {kinds[-1]}: the process: {crash}")
        elif answer is not None and (asked.reduce or asked.look):
            if answer.said:
                say(answer.said)
            if asked.reduce:
                smallest.append(answer.token)
                return [Question(asked.claim, answer.token, look=True)]
        elif answer is not None:
            first = answer.kind == FAILS and FAILS not in kinds
            kinds.append(answer.kind)
            answers[answer.kind].append((asked.claim, answer.said))
            say(f"{asked.claim}: {answer.said}")
            if first and isinstance(example, Case):
                return [replace(asked, reduce=True)]
        return []

    say(token)
    questions = [Question(claim.name, token) for claim in admitting]
    engine.run(answered, questions, replace(settings, jobs=1), heard)
    if isinstance(example, Case) and (FAILS in kinds or arguments.snippet):
        say("\n" + script(Case.parse(smallest[-1]), settings.scope.subject))
    if FAILS in kinds:
        say(command(smallest[-1], settings.scope))
    doubts = [kind for kind in kinds if kind == DOUBTED]
    if not {HOLDS, FAILS, DOUBTED} & set(kinds):
        doubts.append("nothing was compared")
        say("MISTRUSTED: nothing was compared")
    failures = [Failure(claim, token, said) for claim, said in answers[FAILS]]
    judged = known.judged(
        settings.known, failures, lambda entry: bool(entry.token) and entry.token == token
    )
    for one in judged.known:
        say(f"KNOWN {one.claim}: {token}")
    for entry in judged.gone:
        say(f"KNOWN, but no longer fails: remove it from --known: {entry}")
    return verdict.Verdict.of(
        verdict.verdict([*judged.new, *judged.gone], doubts),
        token,
        agreeing=answers[HOLDS],
        failures=[
            *((one.claim, one.reason) for one in judged.new),
            *((str(entry), "no longer fails: remove it from --known") for entry in judged.gone),
        ],
        doubts=doubts,
        left_out=[*answers[OPEN], *((one.claim, f"known: {one.reason}") for one in judged.known)],
    )


def answered(settings: Settings, question: Question) -> Answer:
    """Check, reduce or explain in a process of its own, which the subject may end."""
    from parity import claims
    from parity.claims.check import checked, failure, under_test
    from parity.claims.tally import Count
    from parity.oracles.compare import shortened
    from parity.search.explore import Disagreement, describe
    from parity.search.looks import looks_like
    from parity.search.reduce import reduced

    claim, example = claims.CLAIMS[question.claim], claims.parse(question.token)
    conv2d = under_test(settings.scope)
    if question.look:
        looks = looks_like(conv2d, example, settings.scope)
        return Answer(FAILS, f"looks like: {looks}" if looks else "")
    if question.reduce:
        error = failure(claim, example, conv2d)
        reason = describe(error) if error else ""
        found = reduced(claim, Disagreement(claim.name, example, reason), conv2d)
        token = found.example.token()
        return Answer(FAILS, f"smaller: {token}" if token != question.token else "", token)
    count = Count(claim.name, "")
    try:
        told = checked(claim, example, conv2d, count)
    except Exception as error:
        # The token and its script are printed once, for all claims.
        return Answer(FAILS, f"{FAILS}: {shortened(describe(error))}")
    if told is None:
        kind = OPEN if count.not_supported.examples else DOUBTED
        whose = OPEN if kind == OPEN else f"{DOUBTED}: TensorFlow failed"
        first = count.not_supported.first or count.oracle_failed.first
        return Answer(kind, f"{whose}: {first.removeprefix(f'{example.token()}: ')}")
    said = ", ".join(f"{side} {ratio:.3g}" for side, ratio in told.ratios.items())
    ratios = f"; error / bound: {said}" if said else ""
    return Answer(HOLDS, f"{HOLDS}, {told.outputs:,} values compared{ratios}")

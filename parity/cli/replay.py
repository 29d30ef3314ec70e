"""``python -m parity replay TOKEN``: check one example again, by every claim that admits it."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace

from rich.console import Console

from parity import engine
from parity.cli import options
from parity.engine import Outcome
from parity.model import verdict
from parity.model.settings import Settings
from parity.model.subject import DEFAULT, Scope


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("token", nargs="+", help="the example's token, in quotes or not")
    parser.add_argument("--snippet", action="store_true", help="also print a script for the case")
    options.add_subject(parser)


def command(token: str, scope: Scope) -> str:
    """Return the line for a shell that checks `token` again on the subject of `scope`."""
    whose = "" if scope.subject == DEFAULT else f" --subject {scope.subject}"
    return f"python -m parity replay {shlex.quote(token)}{whose}"


def run(arguments: argparse.Namespace) -> int:
    """Print what each claim says; return 1 if one fails, 2 for no token, 3 if nothing tells."""
    console = Console()
    token = " ".join(arguments.token)
    try:
        settings = options.settings(arguments)
    except ValueError as error:
        return _wrong(str(error))
    from parity import claims
    from parity.model.case import Case

    try:
        example = claims.parse(token)
        admitting = claims.admitting(example, settings.scope)
    except ValueError as error:
        return _wrong(str(error))
    if not admitting:
        return _wrong("none of the claims that were asked for admits this example")
    console.print(token, markup=False, highlight=False, soft_wrap=True)
    kinds: list[str] = []

    def heard(outcome: Outcome[tuple[str, str], tuple[str, str]]) -> None:
        kind, text = outcome.result or ("doubt", "")
        if crash := outcome.crash:
            kind = "fails" if crash.of_subject else "doubt"
            said = "DISAGREES" if crash.of_subject else "MISTRUSTED"
            text = f"{outcome.task[1]}: {said}: the process: {crash}"
        kinds.append(kind)
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    tasks = [(token, claim.name) for claim in admitting]
    engine.run(checked_again, tasks, replace(settings, jobs=1), heard)
    failed = [kind for kind in kinds if kind == "fails"]
    if isinstance(example, Case) and (failed or arguments.snippet):
        script = "\n" + example.snippet(settings.scope.subject)
        console.print(script, markup=False, highlight=False, soft_wrap=True)
    doubts = [kind for kind in kinds if kind == "doubt"]
    if not {"holds", "fails", "doubt"} & set(kinds):
        doubts.append("nothing was compared")
        console.print("MISTRUSTED: nothing was compared")
    return verdict.verdict(failed, doubts)


def checked_again(settings: Settings, task: tuple[str, str]) -> tuple[str, str]:
    """Check a token by one claim: return whether it holds, fails, is open or in doubt, and why."""
    from parity import claims
    from parity.claims.check import checked, under_test
    from parity.claims.tally import Count
    from parity.oracles.compare import shortened
    from parity.search.explore import describe

    token, name = task
    claim, example, count = claims.CLAIMS[name], claims.parse(token), Count(name, "")
    try:
        told = checked(claim, example, under_test(settings.scope), count)
    except Exception as error:
        # The token and its script are printed once, for all claims.
        return "fails", f"{name}: DISAGREES: {shortened(describe(error))}"
    if told is None:
        kind = "open" if count.not_supported.examples else "doubt"
        whose = "not supported" if kind == "open" else "MISTRUSTED: TensorFlow failed"
        first = count.not_supported.first or count.oracle_failed.first
        return kind, f"{name}: {whose}: {first.removeprefix(f'{token}: ')}"
    said = [f"{side} {ratio:.3g}" for side, ratio in told.ratios.items()]
    ratios = f"; error / bound: {', '.join(said)}" if said else ""
    return "holds", f"{name}: holds, {told.outputs:,} values compared{ratios}"


def _wrong(reason: str) -> int:
    Console(stderr=True).print(f"parity replay: {reason}", style="red", markup=False)
    return verdict.WRONG_CALL

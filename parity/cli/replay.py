"""``python -m parity replay TOKEN``: check one example again, by every claim that admits it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from parity.cli import options
from parity.engine import jobs
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
    answers: list[tuple[str, str]] = []
    crashes = jobs.run(
        "parity.cli.replay:work",
        [token],
        replace(settings, jobs=1),
        lambda _, answer: answers.append(answer),
    )
    console.print(token, markup=False, highlight=False, soft_wrap=True)
    kinds = [kind for kind, _ in answers]
    failed = [kind for kind in kinds if kind == "fails"]
    for kind, text in answers:
        if kind == "wrong":
            return _wrong(text)
        if kind != "snippet" or failed or arguments.snippet:
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    doubts = [kind for kind in kinds if kind == "doubt"]
    for crash in crashes:
        said = "DISAGREES" if crash.of_subject else "MISTRUSTED"
        console.print(f"{said}: the process: {crash}", markup=False, soft_wrap=True)
        (failed if crash.of_subject else doubts).append(said)
    if not {"holds", "fails"} & set(kinds) and not crashes:
        doubts.append("nothing was compared")
        console.print("MISTRUSTED: nothing was compared")
    return verdict.verdict(failed, doubts)


def work(settings: Settings, token: str, send: Callable[[tuple[str, str]], None]) -> None:
    """Check every admitting claim in a process of its own, which the subject may kill."""
    from parity import claims
    from parity.claims.check import checked, under_test
    from parity.claims.tally import Count
    from parity.model.case import Case
    from parity.oracles.compare import shortened
    from parity.search.explore import describe

    try:
        example = claims.parse(token)
        admitting = claims.admitting(example, settings.scope)
    except ValueError as error:
        send(("wrong", str(error)))
        return
    if not admitting:
        send(("wrong", "none of the claims that were asked for admits this example"))
        return
    conv2d = under_test(settings.scope)
    for claim in admitting:
        count = Count(claim.name, "")
        try:
            told = checked(claim, example, conv2d, count)
        except Exception as error:
            # The token and its script are printed once, for all claims.
            reason = shortened(describe(error))
            send(("fails", f"{claim.name}: DISAGREES: {reason}"))
            continue
        if told is None:
            kind = "open" if count.not_supported.examples else "doubt"
            whose = "not supported" if kind == "open" else "MISTRUSTED: TensorFlow failed"
            first = count.not_supported.first or count.oracle_failed.first
            send((kind, f"{claim.name}: {whose}: {first.removeprefix(f'{example.token()}: ')}"))
        else:
            said = [f"{side} {ratio:.3g}" for side, ratio in told.ratios.items()]
            ratios = f"; error / bound: {', '.join(said)}" if said else ""
            send(("holds", f"{claim.name}: holds, {told.outputs:,} values compared{ratios}"))
    if isinstance(example, Case):
        send(("snippet", "\n" + example.snippet(settings.scope.subject)))


def _wrong(reason: str) -> int:
    Console(stderr=True).print(f"parity replay: {reason}", style="red", markup=False)
    return verdict.WRONG_CALL

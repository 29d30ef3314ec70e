"""``python -m parity replay TOKEN``: check one example again, by every claim that admits it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable

from rich.console import Console

from parity import jobs, subject, summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("token", nargs="+", help="the example's token, in quotes or not")
    parser.add_argument("--snippet", action="store_true", help="also print a script for the case")
    jobs.add_limit(parser)
    subject.add_arguments(parser)


def command(token: str) -> str:
    """Return the line for a shell that checks `token` again on the subject of this run."""
    whose = "" if subject.name() == subject.DEFAULT else f" --subject {subject.name()}"
    return f"python -m parity replay {shlex.quote(token)}{whose}"


def run(arguments: argparse.Namespace) -> int:
    """Print what each claim says; return 1 if one fails, 2 for no token, 3 if nothing tells."""
    console = Console()
    token = " ".join(arguments.token)
    try:
        subject.use(arguments)
        subject.load()
    except ValueError as error:
        return _wrong(str(error))
    answers: list[tuple[str, str]] = []
    crashes = jobs.run(
        "parity.replay:work",
        [token],
        1,
        lambda _, answer: answers.append(answer),
        call_seconds=arguments.call_seconds,
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
    return summary.verdict(failed, doubts)


def work(token: str, send: Callable[[tuple[str, str]], None]) -> None:
    """Check every admitting claim in a process of its own, which the subject may kill."""
    from parity import claims
    from parity.case import Case
    from parity.check import checked, under_test
    from parity.compare import shortened
    from parity.explore import describe
    from parity.tally import Count

    try:
        example = claims.parse(token)
        admitting = claims.admitting(example, subject.scope())
    except ValueError as error:
        send(("wrong", str(error)))
        return
    if not admitting:
        send(("wrong", "none of the claims that were asked for admits this example"))
        return
    conv2d = under_test(subject.scope())
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
        send(("snippet", "\n" + example.snippet()))


def _wrong(reason: str) -> int:
    Console(stderr=True).print(f"parity replay: {reason}", style="red", markup=False)
    return summary.WRONG_CALL

"""``python -m parity fuzz``: a campaign of fresh examples, each claim in turn, until time is up.

Ctrl-C ends it early; what was found until then is printed and written all the same.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from parity import claims
from parity.claims import tally, trust
from parity.cli import options, replay, summary
from parity.model import verdict
from parity.model.subject import Scope
from parity.model.verdict import Verdict, WrongCall
from parity.search.campaign import Campaign, Record
from parity.store.records import Count, Run
from parity.store.store import Store

_LISTED = 5
"""Crashes that are told; the others are only counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--minutes", type=float, help="how long (default: 1, without end if --turns is given)"
    )
    parser.add_argument(
        "--turns",
        type=options.positive,
        metavar="N",
        help="how many turns: the same seed then finds and counts the same on any processes",
    )
    parser.add_argument("--seed", type=int, help="what it draws from (default: by chance)")
    options.add_processes(parser)
    options.add_store(parser, needed=True)
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the counts")
    options.add_subject(parser)


def run(arguments: argparse.Namespace) -> Verdict:
    """Run the campaign: 1 if anything disagrees, 3 if mistrusted."""
    console = Console()
    minutes, turns = arguments.minutes, arguments.turns
    if minutes is None and turns is None:
        minutes = 1.0
    settings = options.settings(arguments)
    if minutes is not None and not minutes > 0:
        raise WrongCall(f"--minutes has to be positive, received {minutes}")
    if arguments.output and not arguments.output.parent.is_dir():
        raise WrongCall(f"--output: there is no directory {arguments.output.parent}")
    store = Store(arguments.store)
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    seconds = None if minutes is None else 60 * minutes
    record = campaign(console, Campaign(settings, store, seed=seed, seconds=seconds, turns=turns))
    store.record_run(recorded(record, settings.scope))
    store.close()
    if arguments.output:
        arguments.output.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    return Verdict.of(
        record.exit_code,
        f"{record.subject} and TensorFlow {record.tensorflow}, --seed {record.seed}",
        agreeing=(
            (f"{one.claim} {one.dtype}", f"{one.examples:,} examples")
            for one in record.counts
            if all(failure.claim != one.claim for failure in (*record.failures, *record.known))
        ),
        failures=_failed(record),
        doubts=record.doubts,
        left_out=((one.token, f"known: {one.reason}") for one in record.known),
    )


def recorded(record: Record, scope: Scope) -> Run:
    """Return what the store keeps of a campaign."""
    return Run.of(
        scope,
        what="fuzz",
        seconds=record.seconds,
        exit_code=record.exit_code,
        seed=record.seed,
        counts=tuple(Count(c.claim, c.dtype, c.examples, c.outputs) for c in record.counts),
        failures=tuple(record.failures),
    )


def _failed(record: Record) -> Iterator[tuple[str, str]]:
    """Yield what makes a campaign fail, and why."""
    yield from ((one.token, one.reason) for one in record.failures)
    yield from ((one.note, str(one)) for one in record.crashes if one.of_subject)
    yield from ((one, "no longer fails: remove it from --known") for one in record.gone)


def campaign(console: Console, one: Campaign) -> Record:
    """Run a campaign; print what came of it and return it."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,
    )

    def heard() -> Iterator[None]:
        bar = progress.add_task(f"fuzz {one.settings.scope.subject}", total=1.0, said="")
        while True:
            progress.update(bar, completed=one.done, said=_state(one))
            yield

    with progress:
        record = one.run(heard())
    _show(console, record, list(one.counts.values()), one.settings.scope)
    return record


def _state(one: Campaign) -> str:
    """Return the state of things in a line."""
    examples = tally.total(one.counts.values()).examples
    ratios = (ratio for count in one.counts.values() for ratio, _ in count.largest.values())
    return (
        f"{examples:,} examples, {examples / one.elapsed:,.0f}/s, largest error / bound"
        f" {max(ratios, default=0):.3f}, {len(one.failures) + len(one.crashes)} failures"
    )


def _show(console: Console, record: Record, counts: list[tally.Count], scope: Scope) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def replayed(token: str) -> None:
        if len(record.machines) > 1 and token in record.where:
            say(f"on {record.where[token]}")
        say(replay.command(token, scope))

    title = f"{record.subject} and TensorFlow {record.tensorflow}, --seed {record.seed}"
    console.print(summary.counts_table(counts, title))
    console.print(summary.classes_table(counts, "corner classes"))
    for claim in claims.CLAIMS.values():
        if said := trust.covered(claim, counts, scope):
            say(said)
    for failure in record.failures:
        say("DISAGREES", "bold red")
        say(failure.reason)
        if failure.looks_like:
            say(f"looks like: {failure.looks_like}")
        replayed(failure.token)
    deaths = [crash for crash in record.crashes if crash.of_subject]
    for crash in deaths[:_LISTED]:
        say("DISAGREES", "bold red")
        say(str(crash))
        replayed(crash.note)
    if len(deaths) > _LISTED:
        say(f"... {len(deaths)} calls of the subject ended their process", "bold red")
    for failure in record.known:
        say(f"KNOWN {failure.claim}: {failure.token}", "yellow")
    for entry in record.gone:
        say(f"KNOWN, but no longer fails: remove it from --known: {entry}", "bold red")
    for said in record.too_few:
        say(said, "yellow")
    for doubt in record.doubts:
        say(f"MISTRUSTED: {doubt}", "bold yellow")
    if len(record.machines) > 1:
        for name, turns in record.machines.items():
            say(f"{turns} turns on {name}")
    held = f", held to {scope.error}" if scope.bound else ""
    say(
        f"{verdict.VERDICTS[record.exit_code]}{held}: {record.total.examples:,} examples in"
        f" {record.turns:,} turns, {record.seconds:.0f} s"
    )

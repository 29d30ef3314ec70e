"""The parity half of the report: sweep, campaign, mutants, ledger and errors, run live."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec
from rich.console import Console

from parity.cli import options
from parity.ledger import command as ledger_command
from parity.model import verdict
from parity.model.settings import Settings
from parity.mutants import MUTANTS
from parity.mutants import command as mutants
from parity.report import errors
from parity.search import command as fuzz
from parity.search.campaign import Campaign
from parity.sweep import command as sweep
from parity.sweep.run import exit_code, run_sweep

_FEW = 20
"""A quick proof hunts one mutant in so many."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how much of each is run."""
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="of the campaign of fresh examples (default: 1)"
    )
    parser.add_argument(
        "--every",
        type=options.positive,
        default=10,
        metavar="K",
        help="one geometry of the sweep in K (default: 10)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the campaign (default: 0)")
    options.add_processes(parser)


def gather(arguments: argparse.Namespace, settings: Settings, console: Console) -> dict[str, Any]:
    """Run everything; print the tables and return the document.

    With ``arguments.quick`` the mutants are but a few, the ledger is left out, and a campaign
    need not have reached every class of examples: what it has compared must agree.

    Raises
    ------
    ValueError
        If the campaign has no time.
    """
    if not arguments.minutes > 0:
        raise ValueError(f"--minutes has to be positive, received {arguments.minutes}")
    scope = settings.scope
    console.rule("sweep")
    swept = run_sweep(settings, every=arguments.every)
    sweep.show(swept, console, scope)
    if swept.interrupted:
        raise KeyboardInterrupt
    console.rule("campaign")
    # Without a store: a report leaves no corpus behind.
    fresh = Campaign(settings, None, seed=arguments.seed, seconds=60 * arguments.minutes)
    campaign = fuzz.campaign(console, fresh)
    if campaign.interrupted:
        raise KeyboardInterrupt
    console.rule("errors")
    dtypes = scope.dtypes[:1] if arguments.quick else scope.dtypes
    samples, wrong, doubts = errors.sample(settings, dtypes)
    for line in wrong:
        console.print(f"DISAGREES: {line}", style="bold red", markup=False)
    for line in doubts:
        console.print(f"MISTRUSTED: {line}", style="bold yellow", markup=False)
    console.rule("mutants")
    names, control = (list(MUTANTS)[::_FEW], 0.01) if arguments.quick else (list(MUTANTS), 1.0)
    hunted = mutants.hunt(console, names, seed=0, settings=settings, control=control)
    checked = None
    if scope.is_npconv and not arguments.quick:
        console.rule("ledger")
        checked = ledger_command.check(console)
    campaign_code = campaign.exit_code
    unreached = set(campaign.doubts) <= set(campaign.unreached)
    forgiven = arguments.quick and unreached and campaign.total.examples
    if forgiven and campaign_code == verdict.MISTRUSTED:
        console.print("quick: what so few examples did not reach does not count", style="yellow")
        campaign_code = verdict.AGREEMENT
    codes = [
        exit_code(swept),
        campaign_code,
        verdict.verdict(wrong, doubts),
        hunted.exit_code,
        checked.exit_code if checked else verdict.AGREEMENT,
    ]
    worst = verdict.worst(codes)
    return {
        "exit_code": worst,
        "verdict": verdict.VERDICTS[worst],
        "sweep": msgspec.to_builtins(swept),
        "campaign": msgspec.to_builtins(campaign),
        "errors": samples,
        "failures": wrong,
        "doubts": doubts,
        "mutants": msgspec.to_builtins(hunted),
        "ledger": checked and msgspec.to_builtins(checked),
    }

"""The arguments of ``python -m parity speed``, and those that `report` shares with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from parity.cli import options
from parity.cli.options import positive
from parity.model.subject import DTYPES
from parity.speed import beside, layers, measure
from parity.speed.rows import TOO_BUSY
from parity.speed.statistics import LEAST_ROUNDS

SLOWER = 4
"""The exit code of a comparison that found a layer slower than it was."""
MISTRUSTED = 3
"""The exit code of a comparison that found none, but had to withhold verdicts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--layers",
        choices=[*layers.available(), "all"],
        help="layer set (default: all)",
    )
    which.add_argument(
        "--row", metavar="TOKEN", action="append", help="time this case only; may be repeated"
    )
    parser.add_argument("--dtype", choices=DTYPES, help="change every layer's dtype")
    parser.add_argument("--batch", type=positive, metavar="N", help="change every layer's batch")
    parser.add_argument(
        "--all-algorithms",
        action="store_true",
        help="instead: time every algorithm, and how far the planner's choice is from the best",
    )
    parser.add_argument(
        "--first",
        action="store_true",
        help="instead: time the first call of each layer beside the second; without --layers and"
        " --row, of 160 layers for images of other sizes",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows and raw times")
    parser.add_argument(
        "--compare",
        metavar="OLD.json",
        type=Path,
        help=f"show what changed since; exit code {SLOWER} if a layer is slower, else"
        f" {MISTRUSTED} if a verdict was withheld because other processes took more than"
        f" {100 * TOO_BUSY:g} %% of the cores in either measurement",
    )
    parser.add_argument(
        "--against", metavar="NEW.json", type=Path, help="compare with this, measure nothing"
    )
    parser.add_argument("--subject", metavar="MODULE:CALLABLE", help=options.SUBJECT_HELP)
    add_settings(parser)


def add_settings(
    parser: argparse.ArgumentParser, *, seconds: float | None = None, memory: bool = False
) -> None:
    """Declare the arguments that `report` shares, which has other defaults."""
    default = measure.Settings()
    seconds = seconds or default.seconds
    parser.add_argument(
        "--rounds",
        type=positive,
        default=default.rounds,
        help=f"most rounds a layer (default {default.rounds}), at least {LEAST_ROUNDS}; fewer"
        " where the intervals of the ratio and of the noise are narrower than 5 %%",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=seconds,
        help=f"budget of a layer (default {seconds:g}); {LEAST_ROUNDS} rounds always run",
    )
    parser.add_argument(
        "--threads",
        nargs="+",
        action="extend",
        type=_threads,
        metavar="N",
        help='threads of every library, or "default" for each one\'s own choice (which is the'
        " default); several settings are measured one after another",
    )
    parser.add_argument(
        "--beside",
        nargs="+",
        choices=beside.CONTENDERS,
        default=[],
        metavar="NAME",
        help=f"time others as well, where installed: {' '.join(beside.CONTENDERS)}",
    )
    parser.add_argument(
        "--bounds",
        action="store_true",
        help="time the steps in NumPy alone: product, copying, casts",
    )
    parser.add_argument(
        "--busy",
        action="store_true",
        help="time each layer a second time while a process of this command's own takes a core",
    )
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        default=memory,
        help=f"measure the memory that a call takes (default: {'yes' if memory else 'no'})",
    )


def settings(arguments: argparse.Namespace) -> measure.Settings:
    """Read the arguments of `add_settings`, and the subject."""
    threads = [count for counts in arguments.threads or [(0,)] for count in counts]
    return measure.Settings(
        subject=options.scope(arguments).subject,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        threads=tuple(dict.fromkeys(threads)),
        beside=tuple(dict.fromkeys(arguments.beside)),
        bounds=arguments.bounds,
        memory=arguments.memory,
        busy=arguments.busy,
    )


def _threads(text: str) -> tuple[int, ...]:
    return tuple(0 if word == "default" else positive(word) for word in text.split())

"""``python -m parity prove``: npconv's geometry, proved for all sizes by z3.

The shipped functions run on symbolic integers, each way that they can go.  Wrong versions of them
have to be refuted, and TensorFlow's rule, as transcribed for the proofs, is held against compiled
TensorFlow.  What is not covered: NumPy's indexing, BLAS, and rounding, which the claims are about.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from parity.cli import options, terminal
from parity.model.settings import Settings
from parity.model.verdict import AGREEMENT, DISAGREEMENT, DISAGREES, DOUBTED, Verdict, WrongCall

if TYPE_CHECKING:
    from parity.theorems.records import Proved

_GEOMETRIES = 40_000
_FEW = 8  # in a quick report, one theorem and mistake in so many
_MISSING = "proofs need z3: pip install z3-solver"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("names", nargs="*", metavar="THEOREM", help="which alone (default: all)")
    parser.add_argument(
        "--planted",
        metavar="NAMES",
        help="which mistakes to refute, separated by commas, or none (default: all, those of the"
        " THEOREMs that are given)",
    )
    parser.add_argument(
        "--geometries",
        type=_natural,
        default=_GEOMETRIES,
        metavar="N",
        help=f"of which TensorFlow is asked; 0 for none (default: {_GEOMETRIES:,})",
    )
    parser.add_argument("--seed", type=int, help="what these are drawn from (default: a new one)")
    parser.add_argument(
        "--again", action="store_true", help="also ask another solver, cvc5, about every statement"
    )
    parser.add_argument(
        "--pages",
        type=Path,
        metavar="DIR",
        help="also write the pages that docs has of it",
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write the results")
    options.add_processes(parser)


def run(arguments: argparse.Namespace) -> Verdict:
    """Prove and print; return 1 if anything is refuted, 3 if something was not found out."""
    _need_z3()
    if arguments.again and not find_spec("cvc5"):
        raise WrongCall("--again needs cvc5: pip install cvc5")
    from parity.theorems import run as proofs
    from parity.theorems.planted import ROWS, by_name
    from parity.theorems.recipes import by_id

    if arguments.names and arguments.pages:
        raise WrongCall("--pages: the pages are about all theorems, not some")
    for option in ("pages", "output"):
        path: Path | None = getattr(arguments, option)
        folder = path if option == "pages" else path and path.parent
        if folder and not folder.is_dir():
            raise WrongCall(f"--{option}: there is no directory {folder}")
    names, mistakes = arguments.names, [*by_name()]
    if arguments.planted:
        mistakes = [] if arguments.planted == "none" else arguments.planted.split(",")
    elif names:
        mistakes = [row.name for row in ROWS if row.theorem in names]
    every = [one.name for one in proofs.ORDERED]
    for what, given, known in (("THEOREM", names, every), ("--planted", mistakes, by_name())):
        for name in given:
            if name not in known:
                like = get_close_matches(name, known, 1) or [", ".join(known)]
                raise WrongCall(f"{what}: received {name!r}; did you mean {like[0]}?")
    console = terminal.console()
    found = proofs.proved(
        options.settings(arguments),
        names or every,
        mistakes,
        [] if names else [*by_id()],
        0 if names else arguments.geometries,
        _fresh() if arguments.seed is None else arguments.seed,
        again=arguments.again,
    )
    show(found, console)
    if arguments.pages:
        for name, text in proofs.pages(found.recipes).items():
            (arguments.pages / name).write_text(text, encoding="utf-8")
    if arguments.output:
        arguments.output.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return found.told()


def measured(settings: Settings, console: Console, *, quick: bool) -> Proved | None:
    """Prove for a report, of a quick one a few; None, and a word, where z3 is missing."""
    if not find_spec("z3"):
        console.print(f"left out: {_MISSING}", markup=False)
        return None
    from parity.theorems import run as proofs
    from parity.theorems.planted import by_name
    from parity.theorems.recipes import by_id

    every = slice(None, None, _FEW if quick else 1)
    names, mistakes = [one.name for one in proofs.ORDERED][every], [*by_name()][every]
    recipes = [*by_id()][every]
    geometries = _GEOMETRIES // (_FEW**2 if quick else 1)
    found = proofs.proved(settings, names, mistakes, recipes, geometries, _fresh())
    console.print(summary(found), highlight=False, markup=False, soft_wrap=True)
    _warn(found, console)
    return found


def replayed(token: str, console: Console) -> Verdict:
    """Hold a theorem against the integers of a token, of what is planted if the token says so."""
    _need_z3()
    from parity.theorems import run as proofs
    from parity.theorems.planted import by_name, planted
    from parity.theorems.records import PROVED
    from parity.theorems.theorem import THEOREMS
    from parity.theorems.written import parse

    try:
        name, values, mistake = parse(token)
        row = by_name()[mistake] if mistake else None
    except KeyError as error:
        like = get_close_matches(mistake, by_name(), 1) or [", ".join(by_name())]
        raise WrongCall(f"planted: received {mistake!r}; did you mean {like[0]}?") from error
    except ValueError as error:
        raise WrongCall(str(error)) from error
    with planted(row) if row else nullcontext():
        said = proofs.outcome(THEOREMS[name], values)
    if said == proofs.OUTSIDE:
        raise WrongCall(f"{name} does not speak of these integers: {THEOREMS[name].statement}")
    holds = said == PROVED
    words = "holds" if holds else f"{DISAGREES}: {said}"
    console.print(f"{token}\n{THEOREMS[name].statement}\n{words}", markup=False, soft_wrap=True)
    return Verdict.of(
        AGREEMENT if holds else DISAGREEMENT, token, failures=[] if holds else [(name, said)]
    )


def _need_z3() -> None:
    if not find_spec("z3"):
        raise WrongCall(_MISSING)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _fresh() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


def show(found: Proved, console: Console) -> None:
    """Print the theorems, the mistakes and what TensorFlow said."""
    table = Table("theorem", title="for all integers", box=None)
    for heading in ("verdict", "paths", "statements", "seconds"):
        table.add_column(heading, justify="right")
    for one in found.theorems:
        counts = f"{one.paths:,}", f"{one.statements:,}", f"{one.seconds:.1f}"
        table.add_row(one.name, one.verdict, *counts)
    console.print(table)
    table = Table("planted", "smallest integers against it", title="mistakes", box=None)
    for row in found.planted:
        shown = row.token if row.found else f"{DISAGREES}: {row.verdict} {row.words}"
        table.add_row(row.name, shown.removeprefix("theorem "))
    console.print(table)
    _warn(found, console)
    console.print(summary(found), highlight=False, markup=False, soft_wrap=True)


def _warn(found: Proved, console: Console) -> None:
    for name, said in found.failures:
        console.print(f"{DISAGREES} {name}: {said}", style="red", markup=False, soft_wrap=True)
    for said in found.doubts:
        console.print(f"{DOUBTED}: {said}", style="yellow", markup=False, soft_wrap=True)


def summary(found: Proved) -> str:
    """Say all of it in a few lines."""
    proved = [one for one in found.theorems if one.verdict == "proved"]
    refuted = [one for one in found.planted if one.found]
    smallest = sum(one.smallest for one in refuted)
    paths, said = (sum(getattr(one, what) for one in proved) for what in ("paths", "statements"))
    of = f"{len(proved)} of {len(found.theorems)} theorems proved"
    wrong = f"{len(refuted)} of {len(found.planted)} mistakes refuted and replayed"
    confirmed = sum(one.confirmed for one in proved)
    again = f", {confirmed:,} of which cvc5 proves too" if confirmed else ""
    lines = [
        f"{of}, {paths:,} paths, {said:,} statements{again}",
        f"{wrong}, {smallest} by what is surely the smallest",
    ]
    if found.recipes:
        right = sum(one.against is None for one in found.recipes)
        wrong = f"{len(found.recipes) - right} refuted by the smallest setting"
        lines.append(f"{len(found.recipes)} recipes for SAME and VALID: {right} proved, {wrong}")
    if found.bridge:
        bridge = found.bridge
        refused = sum(bridge.refused.values())
        lines.append(
            f"TensorFlow's rule and compiled TensorFlow: {bridge.compared:,} geometries in"
            f" {bridge.seconds:.0f} s, {refused:,} of them refused, as foreseen, for"
            f" {len(bridge.refused)} reasons, {bridge.went_round} right modulo 2**64 alone;"
            f" {len(bridge.disagreements)} disagreements"
        )
    return "\n".join([*lines, f"{found.seconds:.0f} s"])

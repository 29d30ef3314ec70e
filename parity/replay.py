"""``python -m parity replay TOKEN``: run one case again and show how it compares."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console

from parity import bounds, compare
from parity.case import Array, Case
from parity.real_input import ORACLE
from parity.speed import agreement
from parity.speed.processes import StartError, Worker, WorkerError, Workers, environment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("token", nargs="+", help="the case's token, in quotes or not")
    parser.add_argument(
        "--subject", default="npconv:conv2d", metavar="MODULE:CALLABLE", help="what is compared"
    )
    parser.add_argument("--snippet", action="store_true", help="also print a script for the case")


def run(arguments: argparse.Namespace) -> int:
    """Compare the case; return 1 if it disagrees and 2 if the token is none."""
    console = Console()
    try:
        case = Case.parse(" ".join(arguments.token))
    except ValueError as error:
        Console(stderr=True).print(f"parity replay: {error}", style="red", markup=False)
        return 2
    x, w = case.arrays()
    console.print(case.token(), markup=False, highlight=False, soft_wrap=True)
    try:
        with Workers() as workers:
            ours = workers.start(arguments.subject, environment())
            theirs = workers.start(ORACLE, environment(onednn=False))
            results = [_result(worker, case, x, w) for worker in (ours, theirs)]
    except StartError as error:
        Console(stderr=True).print(f"parity replay: {error}", style="red", markup=False)
        return 2
    refused = [isinstance(result, WorkerError) for result in results]
    for result in results:
        if isinstance(result, WorkerError):
            lines = str(result).strip().splitlines() or [""]
            shown = lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"
            console.print(shown, style="yellow", markup=False)
    code = 0
    if any(refused):
        # A subject refuses by ValueError or TypeError; to die or to hang is no refusal.
        last = str(results[0]).strip().splitlines()[-1:] if refused[0] else ["ValueError"]
        clean = bool(last) and last[0].startswith(("ValueError", "TypeError"))
        code = 0 if all(refused) and clean else 1
        one = "one refuses the call" if clean else "the subject fails"
        console.print(f"DISAGREES: {one}" if code else "both refuse the call")
    else:
        try:
            console.print(_compare(case, x, w, *results), markup=False)
        except AssertionError as error:
            console.print(f"DISAGREES: {error}", markup=False, highlight=False, soft_wrap=True)
            return 1
    if arguments.snippet or code:
        console.print(case.snippet(), markup=False, highlight=False, soft_wrap=True)
    return code


def _result(worker: Worker, case: Case, x: Array, w: Array) -> Any:
    try:
        return worker.call("run", x, w, case.arguments())
    except WorkerError as error:
        return error


def _compare(case: Case, x: Array, w: Array, ours: Array, theirs: Array) -> str:
    """Return the verdict in words; raise AssertionError where the case's claim fails."""
    names = ("subject", "TensorFlow")
    if case.kind == "lattice" or case.dtype == "int32":
        compare.assert_exact(case=case, got=ours, expected=theirs, names=names)
        return "bit-identical, as it must be"
    if case.kind == "normal":
        found = agreement.compare(agreement.gauge(case, x, w), ours, theirs)
        if found.verdict == "DISAGREES":
            raise AssertionError(
                f"error / bound: subject {found.subject}, TensorFlow {found.other}"
            )
        return f"{found.verdict}; error / bound {found.subject:.3g}, TensorFlow {found.other:.3g}"
    shares = [
        compare.assert_special(
            case=case,
            got=result,
            allowed=bounds.allow(case, x, w, flush=name == "TensorFlow"),
            names=(name, "the exact value"),
        )
        for name, result in zip(names, (ours, theirs), strict=True)
    ]
    same = "the same values" if np.array_equal(ours, theirs, equal_nan=True) else "within bound"
    return f"{same}; error / bound {shares[0]:.3g}, TensorFlow {shares[1]:.3g}"

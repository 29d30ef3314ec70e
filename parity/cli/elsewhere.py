"""``python -m parity elsewhere``: the suite's quick form, as if on other machines.

What TensorFlow and NumPy compute depends on the machine: whether oneDNN is on, which instruction
sets it may use, which kernels BLAS has, how many cores there are.  Here each is set by the variable
that its library documents, asked whether it took effect, and the suite runs under it: every claim
at a tenth of its examples, the rules, the ledger, and a report with the fewest rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from parity import suite as suite_room
from parity.cli import terminal
from parity.model import machine
from parity.model.verdict import Verdict, verdict
from parity.oracles import build as tensorflow_build

_ONEDNN, _CAP = "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"
_CORES = "OPENBLAS_CORETYPE"
_LINES = 60  # of a failing command's output, where what failed is told
_BLAS = (
    "import numpy, threadpoolctl;"
    "pools = [p for p in threadpoolctl.threadpool_info() if p['user_api'] == 'blas'];"
    "print(pools[0].get('architecture', '') if pools else '')"
)


@dataclass(frozen=True)
class Place:
    """A machine that this one can pass for by these variables, or by one core.

    Without the CPU's flag `needs`, if it names one, it cannot be had.
    """

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    one_core: bool = False
    needs: str = ""


PLACES = (
    Place("TensorFlow without oneDNN", {_ONEDNN: "0"}),
    Place("TensorFlow with oneDNN", {_ONEDNN: "1"}),
    Place("oneDNN on AVX2", {_ONEDNN: "1", _CAP: "AVX2"}, needs="avx2"),
    Place("oneDNN on SSE4.1", {_ONEDNN: "1", _CAP: "SSE41"}, needs="sse4_1"),
    Place("OpenBLAS for AVX2", {_CORES: "Haswell"}, needs="avx2"),
    Place("OpenBLAS for AVX-512", {_CORES: "SkylakeX"}, needs="avx512f"),
    Place("one core", one_core=True),
)


class Told(NamedTuple):
    """What the libraries say they are."""

    tensorflow: tensorflow_build.Build
    kernel: str
    cores: int

    def __str__(self) -> str:
        return f"{self.tensorflow}; BLAS {self.kernel}; {self.cores} core{'s' * (self.cores > 1)}"


class Visit(NamedTuple):
    """What came of one place."""

    place: Place
    told: Told
    codes: dict[str, int]
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[place.name for place in PLACES],
        metavar="NAME",
        help=f"places to go to (default: {', '.join(repr(place.name) for place in PLACES)})",
    )


def run(arguments: argparse.Namespace) -> Verdict:
    """Go to each place and print a table: 1 if the suite is not green in one of them."""
    console = terminal.console()
    model, flags = machine.cpu()
    native = asked(dict.fromkeys((_ONEDNN, _CAP, _CORES)))
    console.print(f"On {model}, as it is: {native}", style="bold", highlight=False)
    visits: list[Visit] = []
    left_out: list[str] = []
    for place in PLACES:
        if arguments.only and place.name not in arguments.only:
            continue
        if place.needs and flags and place.needs not in flags:
            console.print(f"{place.name}: this CPU has no {place.needs}", highlight=False)
            left_out.append(place.name)
            continue
        visits.append(visit(place, console))
    console.print(_table(visits, native))
    wrong = [one for one in visits if any(one.codes.values())]
    return Verdict.of(
        verdict(wrong, []),
        f"the suite's quick form on {model}",
        agreeing=((one.place.name, str(one.told)) for one in visits if one not in wrong),
        failures=((one.place.name, f"{one.told}: {one.codes}") for one in wrong),
        left_out=((name, "not on this CPU") for name in left_out),
    )


def visit(place: Place, console: Console) -> Visit:
    """Run the quick suite in `place`; print what fails."""
    began = time.monotonic()
    codes: dict[str, int] = {}
    with _on_one_core() if place.one_core else nullcontext():
        told = asked(place.environment)
        if wrong := without_effect(place, told):
            console.print(f"{place.name}: {wrong}", style="bold red", markup=False)
            return Visit(place, told, {"claims": 1}, time.monotonic() - began)
        with tempfile.TemporaryDirectory() as folder:
            for name, command in commands(folder).items():
                codes[name], output = _run(command, place.environment)
                lines = output.splitlines()
                if codes[name]:
                    failing = f"{place.name}: {name} ended with {codes[name]}"
                    console.print(failing, style="bold red", markup=False)
                    print("\n".join(lines[-_LINES:]), file=console.file)
                elif lines:
                    said = f"{place.name}: {name}: {lines[-1]}"
                    console.print(said, markup=False, highlight=False)
    return Visit(place, told, codes, time.monotonic() - began)


def commands(folder: str) -> dict[str, list[str]]:
    """Return the quick suite, which writes its report into `folder`, as arguments of Python."""
    # A folder and no name: for that pytest would read the conftest.py of whatever lies here.
    suite = ["-p", "parity.suite.plugin", str(Path(suite_room.__file__).parent)]
    jobs = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal"]
    return {
        "claims": ["-m", "pytest", *suite, *jobs, "-p", "no:cacheprovider"],
        "report": ["-m", "parity", "report", "--quick", "--output", folder],
    }


def asked(environment: Mapping[str, str | None]) -> Told:
    """Return what the libraries say they are under these variables, on this process's cores."""
    code, output = _run(["-c", _BLAS], environment)
    kernel = output.strip() if code == 0 else ""
    return Told(tensorflow_build.ask(environment), kernel or "unknown", machine.cores())


def without_effect(place: Place, told: Told) -> str:
    """Say which variable of `place` did not do what it is there for; "" if all did."""
    found = {
        _ONEDNN: str(int(told.tensorflow.onednn)),
        _CAP: told.tensorflow.instruction_set,
        _CORES: told.kernel,
    }
    for name, wanted in place.environment.items():
        if found[name] != wanted:
            return f"{name}={wanted} took no effect: {told}"
    return ""


def _run(arguments: list[str], environment: Mapping[str, str | None]) -> tuple[int, str]:
    """Run Python under these variables; return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=tensorflow_build.changed({"PARITY_EXAMPLES": "0.1", **environment}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Let this process and those that it starts run on one core only (Linux)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _table(visits: list[Visit], native: Told) -> Table:
    names = list(commands(""))
    table = Table(title="The suite's quick form, elsewhere")
    for heading in ("place", "what the libraries say they are", "", *names):
        table.add_column(heading)
    table.add_column("seconds", justify="right")
    for place, told, codes, seconds in visits:
        words = {None: "not run", 0: "[green]green[/]"}
        cells = (words.get(codes.get(name), f"[bold red]{codes.get(name)}[/]") for name in names)
        emulated = "" if told == native else "emulated"
        table.add_row(place.name, str(told), emulated, *cells, f"{seconds:.0f}")
    return table

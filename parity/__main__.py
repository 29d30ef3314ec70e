"""``python -m parity``: the suite's commands.

Exit codes: 0 agreement, 1 disagreement, 2 a wrong call, 3 mistrusted: too little was compared,
4 a layer has become slower (``speed --compare``).
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from types import ModuleType

from parity.cli import publish
from parity.model.verdict import WRONG_CALL, Verdict, WrongCall

# Name, the module with add_arguments(parser) and run(arguments), help.
# A new command is a row here and a module there; run returns an exit code or a `Verdict`.
COMMANDS = (
    ("sweep", "parity.sweep.command", "compare every small geometry with TensorFlow, bit for bit"),
    ("speed", "parity.speed.command", "time the subject beside TensorFlow, layer by layer"),
    ("report", "parity.report.command", "agreement and speed as one HTML page and one JSON file"),
    ("fuzz", "parity.search.command", "explore every claim with fresh examples until time is up"),
    ("replay", "parity.cli.replay", "check one example again, given by its token"),
    ("mutants", "parity.mutants.command", "point the suite at wrong implementations"),
    ("prove", "parity.theorems.command", "prove npconv's geometry for all sizes"),
    ("ledger", "parity.ledger.command", "check every deliberate difference live"),
    ("history", "parity.cli.history", "ratios and counts over the runs that were recorded"),
    ("close", "parity.report.close", "errors of some kernels beside their bounds, and a picture"),
    ("export", "parity.vectors.export", "write cases with exact outputs and bounds as files"),
    ("check", "parity.vectors.check", "hold a kernel, or its files, against exported cases"),
    ("elsewhere", "parity.cli.elsewhere", "run the suite's quick form as if on other machines"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; return the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="parity", description="any conv2d and TensorFlow's")
    commands = parser.add_subparsers(metavar="command", required=True)
    try:
        for name, module, help in COMMANDS:
            child = commands.add_parser(name, help=help)
            if name in given[:1]:  # the others may need seconds to import
                _declare(child, importlib.import_module(module), given)
        arguments = parser.parse_args(given)
        publish.check(arguments)
        found: Verdict | int = arguments.run(arguments)
    except WrongCall as error:
        print(f"parity {given[0]}: {error}", file=sys.stderr)
        return WRONG_CALL
    except ModuleNotFoundError as error:
        if error.name != "npconv":
            raise
        print(f"parity {given[0]} is about npconv, which is not installed", file=sys.stderr)
        return WRONG_CALL
    ended = found if isinstance(found, Verdict) else Verdict.of(found, given[0])
    publish.write(f"parity {shlex.join(given)}", ended, arguments)
    return ended.exit_code


def _declare(parser: argparse.ArgumentParser, command: ModuleType, given: list[str]) -> None:
    parser.description = command.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
    publish.add_arguments(parser)
    if {"-h", "--help"} & {*given} and "--claims" in parser.format_usage():
        from parity.claims import CLAIMS

        lines = (f"  {name:16} {claim.statement}" for name, claim in CLAIMS.items())
        parser.epilog = "\n".join([parser.epilog or "", "claims:", *lines])


if __name__ == "__main__":
    sys.exit(main())

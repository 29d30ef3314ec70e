"""``python -m parity``: the suite's commands.

Exit codes: 0 agreement, 1 disagreement, 2 a wrong call, 3 mistrusted: too little was compared,
4 a layer has become slower (``speed --compare``).
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# Name, the module with add_arguments(parser) and run(arguments) -> exit code, help.
# A new command is a row here and a module there.
COMMANDS = (
    ("sweep", "parity.sweep.command", "compare every small geometry with TensorFlow, bit for bit"),
    ("speed", "parity.speed.command", "time npconv beside TensorFlow, layer by layer"),
    ("report", "parity.report.command", "agreement and speed as one HTML page and one JSON file"),
    ("fuzz", "parity.search.command", "explore every claim with fresh examples until time is up"),
    ("replay", "parity.cli.replay", "check one example again, given by its token"),
    ("mutants", "parity.mutants.command", "point the suite at wrong implementations"),
    ("ledger", "parity.ledger.command", "check every deliberate difference live"),
    ("elsewhere", "parity.cli.elsewhere", "run the suite's quick form as if on other machines"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; return the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="python -m parity", description="npconv and TensorFlow")
    commands = parser.add_subparsers(metavar="command", required=True)
    for name, module, help in COMMANDS:
        child = commands.add_parser(name, help=help)
        if name in given[:1]:  # the others may need seconds to import
            command = importlib.import_module(module)
            child.description = command.__doc__
            command.add_arguments(child)
            child.set_defaults(run=command.run)
    arguments = parser.parse_args(given)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""``python -m parity``: the suite's commands.

Exit codes: 0 agreement, 1 disagreement, 2 a wrong call.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# Name, the module with add_arguments(parser) and run(arguments) -> exit code, help.
# A new command is a row here and a module there.
COMMANDS = (
    ("speed", "parity.speed.command", "time npconv beside TensorFlow, layer by layer"),
    ("report", "parity.report.command", "agreement and speed as one HTML page and one JSON file"),
    ("replay", "parity.replay", "compare one case, given by its token, and show a script for it"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m parity", description="npconv and TensorFlow")
    commands = parser.add_subparsers(metavar="command", required=True)
    for name, module, help in COMMANDS:
        command = importlib.import_module(module)
        child = commands.add_parser(name, help=help, description=command.__doc__)
        command.add_arguments(child)
        child.set_defaults(run=command.run)
    arguments = parser.parse_args(argv)
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())

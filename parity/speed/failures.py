"""What ends a measurement early, told in the same way by every command."""

from __future__ import annotations

from rich.console import Console

from parity.speed.processes import StartError, WorkerError

FAILURES = (OSError, ValueError, WorkerError)


def told(command: str, error: Exception) -> int:
    """Print what went wrong; return the exit code.

    1 for a valid call at which the subject failed, 3 for one at which another did, 2 for a wrong
    call.
    """
    console = Console(stderr=True)
    if isinstance(error, WorkerError) and not isinstance(error, StartError):
        what = "DISAGREES" if error.of_subject else "MISTRUSTED: nothing to compare with"
        console.print(f"{what}: {error}", style="bold red", markup=False)
        return 1 if error.of_subject else 3
    console.print(f"parity {command}: {error}", style="red", markup=False)
    return 2

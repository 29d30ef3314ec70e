"""What ends a measurement early, told in the same way by every command."""

from __future__ import annotations

from rich.console import Console

from parity.speed.processes import StartError, WorkerError

FAILURES = (OSError, ValueError, WorkerError)


def told(command: str, error: Exception) -> int:
    """Print what went wrong; return the exit code: 1 for a disagreement, 2 for a wrong call."""
    console = Console(stderr=True)
    if isinstance(error, WorkerError) and not isinstance(error, StartError):  # a valid call failed
        console.print(f"DISAGREES: {error}", style="bold red", markup=False)
        return 1
    console.print(f"parity {command}: {error}", style="red", markup=False)
    return 2

"""Tasks in processes that may die or hang, on this machine or many, and what they were doing."""

from parity.engine.driver import run
from parity.engine.outcome import Crash, Outcome

__all__ = ["Crash", "Outcome", "run"]

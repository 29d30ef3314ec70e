"""How a run goes: whose conv2d it is about, on which processes, for how long one call may last."""

from __future__ import annotations

from dataclasses import dataclass, field

from parity.model.known import Known
from parity.model.subject import Scope

CALL_SECONDS = 30.0
"""How long a call may take: the claim `large` asks for 2e7 multiply-adds at the most, which a loop
in Python does at a microsecond each, and half as long again."""


@dataclass(frozen=True)
class Settings:
    """What every task of a run is told; it is pickled, and no environment variable beside it.

    Attributes
    ----------
    scope
        Whose conv2d, and what it claims to support.
    jobs
        Processes on this machine; on a cluster its workers count.
    cluster
        The address of a scheduler of dask.distributed; "" for this machine alone.
    call_seconds
        How long one call of the subject or of TensorFlow may take before its process is killed.
    path
        Folders in which workers look for modules first, the subject's among them.
    examples
        What a claim's usual number of examples is multiplied by.
    known
        Failures that are known, and no disagreement.
    """

    scope: Scope = field(default_factory=Scope)
    jobs: int = 1
    cluster: str = ""
    call_seconds: float = CALL_SECONDS
    path: tuple[str, ...] = ()
    examples: float = 1.0
    known: tuple[Known, ...] = ()

"""Ctrl-C at any moment: no hang, BLAS and affinity as before, no array kept, right results later.

NPCONV_INTERRUPTS says how many interrupts come, of each kind; by default as many as take seconds.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from builders import run_python

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")

TESTS = str(Path(__file__).parent)
COUNTS = {"once": 1500, "twice": 1500, "callers": 500, "everywhere": 2000}
PROGRAM = f"import sys; sys.path.append({TESTS!r}); import interrupts\n"


@pytest.mark.parametrize("way", COUNTS)
def test_interrupts(way):
    count = int(os.environ.get("NPCONV_INTERRUPTS", COUNTS[way]))
    seed = int.from_bytes(os.urandom(4))
    run = run_python(f"{PROGRAM}interrupts.main({way!r}, {count}, {seed})", timeout=None)
    assert run.returncode == 0, f"seed {seed}: {run.stderr}"
    came, _ = run.stdout.split(maxsplit=1)
    assert int(came) >= count


# Engines that are not calm, each of which must be found out.
PLANTED = {
    "after (": """
from npconv._engine.blas import _Held
restore = _Held.restore
_Held.restore = lambda held: sys.exc_info()[0] is KeyboardInterrupt or restore(held)
""",
    "an array is kept alive": """
begin, kept = threads._Job.__init__, []
def init(job, *rest):
    kept.append(job)
    begin(job, *rest)
threads._Job.__init__ = init
""",
    "a wrong result": """
run = threads._Job.run
def leave(job, *rest):
    try:
        run(job, *rest)
    except BaseException:
        threads._Job.run = lambda *_: None
        raise
threads._Job.run = leave
""",
    "Timeout (0:00:01)": """
interrupts.HANG = 1
finish = threads._Job.finish
def wait(job):
    try:
        finish(job)
    except BaseException:
        threading.Event().wait()
threads._Job.finish = wait
""",
}


@pytest.mark.parametrize("symptom", PLANTED)
def test_a_planted_fault_is_found(symptom):
    code = f"{PROGRAM}import threading\nfrom npconv._engine import threads\n{PLANTED[symptom]}"
    run = run_python(f"{code}\ninterrupts.main('everywhere', 1500, 0)")
    assert run.returncode == 1
    assert symptom in run.stderr

"""TensorFlow's default build, with oneDNN, asked in processes of its own.

It cannot live beside the build without oneDNN, and some calls kill it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

KILLED = "killed"


def outcomes(expressions: Sequence[str]) -> list[str]:
    """Evaluate `expressions` in one child process; see `parity.ledger.outcome`.

    Returns
    -------
    list of str
        One outcome each, or "killed" for all if a signal ended the process.

    Raises
    ------
    RuntimeError
        If the child fails in another way.
    """
    child = subprocess.run(
        [sys.executable, "-m", "parity.tensorflow_default"],
        input=json.dumps(list(expressions)),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
        check=False,
    )
    if child.returncode < 0:
        return [KILLED] * len(expressions)
    if child.returncode:
        raise RuntimeError(f"TensorFlow's default build failed:\n{child.stderr}")
    found: list[str] = json.loads(child.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Read expressions from standard input, write outcomes to standard output."""
    import tensorflow as tf

    from parity.ledger import outcome

    expressions = json.load(sys.stdin)
    print(json.dumps([outcome(one, tf.nn.conv2d, tf.image.extract_patches) for one in expressions]))


if __name__ == "__main__":
    main()

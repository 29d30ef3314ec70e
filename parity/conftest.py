"""The seed of all examples, and a summary of what the run really compared.

``PARITY_EXAMPLES=10`` multiplies the number of examples.  The examples are the same on every run
unless ``--hypothesis-seed`` is given (a number, or ``random``).
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from parity import subject, tally


def pytest_configure(config: pytest.Config) -> None:
    """Take the seed that the command line gives."""
    given = config.getoption("--hypothesis-seed", default=None)
    if given is not None:
        tally.SEED = random.randrange(2**32) if given == "random" else int(given)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the known regressions before anything is drawn."""
    items.sort(key=lambda item: "test_regressions" not in item.nodeid)


@pytest.fixture(scope="session")
def conv2d() -> Any:
    """Return the implementation under test."""
    return subject.load()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print examples and outputs by claim and dtype."""
    counts = [count for count in tally.COUNTS.values() if count.claim != "planted"]
    if not counts:
        return
    terminalreporter.section(f"compared with TensorFlow, --hypothesis-seed={tally.SEED}")
    line = "{:<18} {:<9} {:>9} {:>9} {:>10} {:>10}"
    terminalreporter.line(
        line.format("claim", "dtype", "examples", "distinct", "outputs", "telling")
    )
    for count in counts:
        terminalreporter.line(
            line.format(
                count.claim,
                count.dtype,
                count.examples,
                len(count.tokens),
                count.outputs,
                count.telling,
            )
        )
    terminalreporter.line(
        line.format(
            "all",
            "",
            sum(count.examples for count in counts),
            sum(len(count.tokens) for count in counts),
            sum(count.outputs for count in counts),
            sum(count.telling for count in counts),
        )
    )

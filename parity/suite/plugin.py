"""What pytest loads wherever parity is installed: the options, nothing heavy.

The suite itself is begun where it is asked for: ``pytest --pyargs parity.suite``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.cli import options


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options that choose and narrow the subject."""
    group = parser.getgroup("parity", "the subject, and what it claims to support")
    options.add_subject(group)
    group.addoption(
        "--counts",
        type=Path,
        metavar="FILE.json",
        help="write what each claim has compared: corner classes, pairs of factors, errors",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin if the suite is asked for."""
    if config.option.pyargs and any(one.startswith("parity.suite") for one in config.args):
        config.pluginmanager.import_plugin("parity.suite.hooks")

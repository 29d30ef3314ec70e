"""In a checkout the suite's plugin is loaded from here; installed, pytest finds it by itself."""

from __future__ import annotations

import pytest

pytest_plugins = ["parity.suite.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Begin: whatever is collected below this folder is the suite, or a test of its tools."""
    config.pluginmanager.import_plugin("parity.suite.hooks")

"""In a checkout the suite's plugin is loaded from here; installed, pytest finds it by itself."""

pytest_plugins = ["parity.suite.plugin"]

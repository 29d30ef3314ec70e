"""What all tests share: where npconv comes from, untouched inputs, and how many examples run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
# At the end, so that `parity` and `builders` are found while an installed npconv still wins.
sys.path += [str(ROOT), str(ROOT / "tests")]

import builders  # noqa: E402

import npconv  # noqa: E402
from npconv._engine import multiply as engine  # noqa: E402

if os.environ.get("NPCONV_INSTALLED") and Path(npconv.__file__).parent.parent == ROOT:
    raise pytest.UsageError(f"NPCONV_INSTALLED is set, but npconv is the checkout's: {ROOT}")

FACTOR = float(os.environ.get("NPCONV_EXAMPLES", "1"))
settings.register_profile(
    "npconv",
    deadline=None,
    max_examples=max(1, round(100 * FACTOR)),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("npconv")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "unguarded: do not copy inputs to see them unmodified")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """In every test, `npconv.conv2d` fails where it modifies an input."""
    if item.get_closest_marker("unguarded"):
        return (yield)
    with mock.patch.object(npconv, "conv2d", builders.guarded(npconv.conv2d)):
        return (yield)


@pytest.fixture
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Force the algorithm that the test is parametrized by, wherever it can compute a call."""
    monkeypatch.setattr(engine, "_FORCED", request.param)
    engine.choose.cache_clear()
    yield request.param
    engine.choose.cache_clear()


@pytest.fixture
def threads() -> Iterator[Callable[[int | None], None]]:
    """Set the number of threads; afterwards it is as it was."""
    yield npconv.set_num_threads
    npconv.set_num_threads(None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, count in builders.EXAMPLES.items():
        terminalreporter.write_line(f"{name}: {count} examples ran")

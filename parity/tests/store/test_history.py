"""What is told of recorded runs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from parity.__main__ import main
from parity.cli import history
from parity.store.records import Count, Failure, Timing
from parity.store.store import Store
from parity.tests.store.test_store import RUN

EARLY = replace(
    RUN,
    what="speed",
    exit_code=0,
    versions={"npconv": "0.1", "numpy": "1.26", "tensorflow": "2.16", "python": "3.11"},
    counts=(),
    failures=(),
    timings=(Timing("small: conv1", "a token", "kernel", 1.25, 1.2, 1.31),),
)
LATE = replace(
    EARLY,
    versions=EARLY.versions | {"npconv": "0.2"},  # type: ignore[operator]
    timings=(Timing("small: conv1", "a token", "kernel", 0.83, 0.8, 0.85),),
)
CAMPAIGN = replace(
    EARLY,
    what="fuzz",
    exit_code=1,
    timings=(),
    counts=(Count("exact", "int32", 900, 1), Count("exact", "float32", 100, 1)),
    failures=(Failure("exact", "a token", "differs"),),
)


def test_ratios_and_counts_stand_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path, picture = tmp_path / "store", tmp_path / "history.html"
    with closing(Store(path)) as store:
        for one in (EARLY, LATE, replace(EARLY, subject="kernel:conv2d"), CAMPAIGN):
            store.record_run(one)
    assert main(["history", "--store", str(path), "--picture", str(picture)]) == 0
    said = capsys.readouterr().out
    (ratios,) = (line for line in said.splitlines() if "small: conv1" in line)
    assert [one.strip() for one in ratios.split("│")[1:-1]] == [
        "small: conv1 (kernel)",
        "1.25 [1.20, 1.31]",
        "0.83 [0.80, 0.85]",
    ]
    assert "1,000, 1 failed" in said
    assert "npconv 0.2, numpy 1.26, tensorflow 2.16" in said
    assert "disagreement" in said
    assert "kernel:conv2d" not in said
    drawn = picture.read_text(encoding="utf-8")
    assert drawn.count("<svg") == 2
    assert "npconv 0.2" in drawn
    assert main(["history", "--store", str(path), "--last", "1"]) == 0
    assert "small: conv1" not in capsys.readouterr().out


def test_where_there_is_nothing_to_tell_it_says_so_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store"
    assert main(["history", "--store", str(path)]) == 2
    assert not path.exists()
    Store(path).close()
    assert main(["history", "--store", str(path)]) == 2
    assert main(["history", "--store", str(path), "--picture", str(path / "below" / "x")]) == 2
    said = capsys.readouterr().err
    assert f"there is no store {path}" in " ".join(said.split())
    assert "has no run of npconv:conv2d" in " ".join(said.split())
    assert history.examples(EARLY) == {}

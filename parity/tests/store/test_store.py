"""The store: whole transactions, and nothing believed that it has not written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from parity.model.subject import Scope
from parity.store.records import Count, Failure, Interesting, Run, Timing
from parity.store.store import Store, StoreError

RUN = Run.of(
    Scope(),
    what="fuzz",
    seconds=1.5,
    exit_code=1,
    seed=7,
    counts=(Count("exact", "float32", 10, 100), Count("exact", "int32", 20, 200)),
    failures=(Failure("exact", "a token", "differs\nhere"),),
    timings=(Timing("net: layer", "a token", "kernel", 0.5, 0.4, 0.6),),
)


@dataclass
class Block:
    """What a sweep may find."""

    number: int
    compared: int


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a store with something in every table."""
    found = tmp_path / "folder" / "store.sqlite"
    with closing(Store(found)) as store:
        store.record_run(RUN)
        store.begin_sweep("npconv:conv2d", "heading")
        store.add_block("npconv:conv2d", "heading", 3, Block(3, 5))
        store.add_interesting([Interesting("a token", "exact float32: SAME")])
    return found


def everything(path: Path) -> object:
    with closing(Store(path)) as store:
        return store.runs(), store.last_sweep("npconv:conv2d", str, Block), store.corpus()


def test_what_is_kept_is_found_again(path: Path) -> None:
    later = replace(RUN, what="speed", seed=None, counts=())
    with closing(Store(path)) as store, closing(Store(path)) as other:
        other.record_run(later)
        assert store.runs() == [RUN, later]
        assert store.last_sweep("npconv:conv2d", str, Block) == ("heading", [Block(3, 5)])
        assert store.last_sweep("another:conv2d", str, Block) is None
        other.begin_sweep("npconv:conv2d", "of another time")
        store.add_block("npconv:conv2d", "heading", 4, Block(4, 5))  # too late: not its own
        assert store.last_sweep("npconv:conv2d", str, Block) == ("of another time", [])


def test_of_each_reason_the_largest_ratio_is_kept_and_failures_come_first(path: Path) -> None:
    with closing(Store(path)) as store:
        store.add_interesting([Interesting("b", "why", 0.5), Interesting("c", "why", 0.7)])
        store.add_interesting([Interesting("d", "why", 0.6)])
        store.add_failure("e")
        assert [one.token for one in store.corpus()] == ["e", "a token", "c"]


@pytest.mark.parametrize("table", ["runs", "counts", "failures", "timings", "blocks", "corpus"])
@pytest.mark.parametrize(
    "change", ["record = replace(record, '5', '6') || ' '", "number = number + 9"]
)
def test_a_row_that_was_changed_is_refused(table: str, change: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE {table} SET {change}")
    with pytest.raises(StoreError, match=f"{path} is damaged: {table}, row"):
        everything(path)


def test_a_record_of_another_type_is_refused(path: Path) -> None:
    with closing(Store(path)) as store:
        store.begin_sweep("npconv:conv2d", 5)
        with pytest.raises(StoreError, match="Expected `str`, got `int`"):
            store.last_sweep("npconv:conv2d", str, Block)


def test_no_byte_that_is_changed_gives_another_answer(path: Path) -> None:
    sound, right = path.read_bytes(), everything(path)
    refused = 0
    for place in range(0, len(sound), 97):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x15]) + sound[place + 1 :])
        try:
            assert everything(path) == right, place  # a byte of no meaning, such as free space
        except StoreError:
            refused += 1
    assert refused > 5
    path.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(StoreError):
        everything(path)


@pytest.mark.parametrize("content", [b"x", b"something else\n" * 99, b"\0" * 5000])
def test_a_file_of_something_else_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=str(path)):
        Store(path)
    assert path.read_bytes() == content
    for wrong in (tmp_path, path / "below"):
        with pytest.raises(StoreError, match=str(wrong)):
            Store(wrong)


def test_another_database_and_another_format_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE runs (key)")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")
    for one in (other, path):
        with pytest.raises(StoreError, match="something else, or of another version"):
            Store(one)


WRITER = """
import sys
from pathlib import Path
from parity.store.records import Interesting
from parity.store.store import Store
store = Store(Path(sys.argv[1]))
for number in range(10**9):
    store.add_interesting([Interesting(f"{sys.argv[2]} {number} {one}", f"{sys.argv[2]} {number} {one}") for one in "ab"])
    print(number, flush=True)
"""  # noqa: E501


def test_writers_at_once_and_killed_at_any_moment_leave_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "store"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number)], stdout=subprocess.PIPE
        )
        for number in range(2)
    ]
    last = []
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
    for writer, sign in zip(writers, (signal.SIGKILL, signal.SIGTERM), strict=True):
        os.kill(writer.pid, sign)
        said, _ = writer.communicate()
        last.append(int(said.split()[-1]) if said.split() else 4)
    with closing(Store(path)) as store:
        kept = {one.token for one in store.corpus()}
    for number, reached in enumerate(last):
        for one in range(reached + 1):
            assert {f"{number} {one} a", f"{number} {one} b"} <= kept
    assert len(kept) % 2 == 0


def test_a_scope_is_found_again_with_its_error(path: Path) -> None:
    scope = Scope(subject="a:b", error="winograd:F(4,3):0,±1,±2")
    with closing(Store(path)) as store:
        store.begin_sweep("a:b", scope)
        store.add_block("a:b", scope, 3, Block(3, 5))
        assert store.last_sweep("a:b", Scope, Block) == (scope, [Block(3, 5)])

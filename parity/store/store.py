"""The file: transactions, and rows that are checked when they are read.

Every table has the same columns: a key, a number, a record (JSON, which msgspec writes and reads)
and a checksum over all of them.  Whatever happens to a process, the file holds whole transactions;
whatever else happens to the file, it is refused and not believed.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from parity.model.verdict import WrongCall
from parity.store.records import FAILED, Count, Failure, Interesting, Run, Timing

DEFAULT = Path(".parity/parity.sqlite")
_OURS = (0x70617269, 1)  # "pari", and the version of the format
_PATIENCE = 60.0  # seconds until other writers are done
_PARTS: dict[str, Any] = {"counts": Count, "failures": Failure, "timings": Timing}
_TABLES = ("runs", *_PARTS, "sweeps", "blocks", "corpus")

T = TypeVar("T")
U = TypeVar("U")


class StoreError(WrongCall):
    """A file that is no store, is damaged, or is that of something else."""


class Store:
    """A file of runs, blocks and tokens; made if it is not there, and the folder that it is in.

    Raises
    ------
    StoreError
        Here and later, if the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{path}: {error}") from error
        try:
            with self._transaction():
                self._admit()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def record_run(self, run: Run) -> None:
        """Keep a run."""
        whole = replace(run, counts=(), failures=(), timings=())
        with self._transaction():
            (key,) = self._database.execute("SELECT coalesce(max(key), 0) + 1 FROM runs").fetchone()
            self._put("runs", key, 0, whole)
            for table in _PARTS:
                for number, part in enumerate(getattr(run, table)):
                    self._put(table, key, number, part)

    def runs(self) -> list[Run]:
        """Return every run, the first first."""
        parts: dict[Any, dict[str, Any]] = defaultdict(dict)
        with self._transaction():
            whole = list(self._rows("runs", Run))
            for table, kind in _PARTS.items():
                for key, part in self._rows(table, kind):
                    parts[key][table] = (*parts[key].get(table, ()), part)
        return [replace(run, **parts[key]) for key, run in whole]

    def begin_sweep(self, subject: str, heading: Any) -> None:
        """Forget the last sweep of `subject`: another begins, and `heading` says which."""
        with self._transaction():
            self._database.execute("DELETE FROM blocks WHERE key = ?", (subject,))
            self._put("sweeps", subject, 0, heading)

    def last_sweep(
        self, subject: str, heading: type[T], block: type[U]
    ) -> tuple[T, list[U]] | None:
        """Return the heading of the last sweep of `subject`, if any, and what was found in it."""
        with self._transaction():
            for _, last in self._rows("sweeps", heading, subject):
                return last, [one for _, one in self._rows("blocks", block, subject)]
        return None

    def add_block(self, subject: str, heading: Any, number: int, found: Any) -> None:
        """Keep what a block has found, unless another sweep of `subject` has begun since."""
        with self._transaction():
            if [one for _, one in self._rows("sweeps", type(heading), subject)] == [heading]:
                self._put("blocks", subject, number, found)

    def corpus(self) -> list[Interesting]:
        """Return the examples worth checking first, those that have failed before all others."""
        with self._transaction():
            found = [one for _, one in self._rows("corpus", Interesting)]
        return sorted(found, key=lambda one: not one.failed)

    def add_interesting(self, found: Iterable[Interesting]) -> None:
        """Keep each whose reason is new, or whose ratio is larger than that of what was kept."""
        with self._transaction():
            kept = {why: old.ratio for why, old in self._rows("corpus", Interesting)}
            for one in found:
                if one.why not in kept or one.ratio > kept[one.why]:
                    kept[one.why] = one.ratio
                    self._put("corpus", one.why, 0, one)

    def add_failure(self, token: str) -> None:
        """Keep a token that fails, or ends its process."""
        self.add_interesting([Interesting(token, f"{FAILED}{token}")])

    def _admit(self) -> None:
        """Make the tables in a new file; refuse what is no sound store."""

        def ask(text: str) -> Any:
            return self._database.execute(text).fetchone()[0]

        if not self.path.stat().st_size:
            for table in _TABLES:
                self._database.execute(
                    f"CREATE TABLE {table} (key NOT NULL, number INTEGER NOT NULL, record TEXT"
                    " NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (key, number)) WITHOUT ROWID"
                )
            self._database.execute(f"PRAGMA application_id = {_OURS[0]}")
            self._database.execute(f"PRAGMA user_version = {_OURS[1]}")
        if (ask("PRAGMA application_id"), ask("PRAGMA user_version")) != _OURS:
            raise StoreError(f"{self.path} is a database of something else, or of another version")
        if (said := ask("PRAGMA quick_check(1)")) != "ok":
            raise StoreError(f"{self.path} is damaged: {said}")

    def _put(self, table: str, key: str | int, number: int, record: Any) -> None:
        text = msgspec.json.encode(record, order="deterministic").decode()
        row = (key, number, text, _checksum(table, key, number, text))
        self._database.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", row)

    def _rows(self, table: str, kind: type[T], key: str | None = None) -> Iterator[tuple[Any, T]]:
        """Yield key and record of the rows that have `key`, if it is given; check every row."""
        rows = self._database.execute(f"SELECT * FROM {table} ORDER BY key, number").fetchall()
        for *place, text, checksum in rows:
            if checksum != _checksum(table, *place, text):
                raise StoreError(f"{self.path} is damaged: {table}, row {place}")
        for found, _, text, _ in rows:
            if key in (None, found):
                yield found, msgspec.json.decode(text, type=kind)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all or nothing, alone; say which file it is that cannot be used."""
        try:
            with self._database:  # commits, or takes back whatever was done before an exception
                self._database.execute("BEGIN IMMEDIATE")
                yield
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StoreError(f"{self.path}: {error}") from error


def _checksum(*row: Any) -> str:
    return blake2b(repr(row).encode(), digest_size=8).hexdigest()

"""What decides the outcome of a sweep: its grids, the code of both sides, and the versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib import util
from pathlib import Path

from parity.model.subject import Scope
from parity.store.records import versions
from parity.sweep.layers import Grids

SUITE = Path(__file__).parents[1]
_CODE = {".py", ".so", ".pyd", ".dll", ".dylib"}
_NOT_READ = {"__pycache__", ".git", ".parity"}


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What two runs must have in common for the one to go on where the other stopped.

    `source` and `suite` are checksums of files, as versions lag behind edits.
    """

    subject: str
    scope: str
    grids: Grids
    source: str
    suite: str
    versions: Mapping[str, str]

    @classmethod
    def of(cls, scope: Scope, grids: Grids, store: Path | None = None) -> Heading:
        """Return the heading of a sweep; the file `store`, which it writes, is no source."""
        files = subject_files(scope.subject)
        if store:  # and its journal
            written = str(store.resolve())
            files = [one for one in files if not str(one.resolve()).startswith(written)]
        return cls(
            subject=scope.subject,
            scope=str(scope),
            grids=grids,
            source=_checksum(files),
            suite=_checksum(suite_files()),
            versions=versions(scope.subject),
        )


def subject_files(subject: str) -> list[Path]:
    """Return the files of the subject's package, or the code beside its module.

    A rebuilt library has the name of the old one.
    """
    spec = util.find_spec(subject.partition(":")[0].partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations:
        places = spec.submodule_search_locations
        below = (file for folder in places for file in Path(folder).rglob("*"))
        return sorted(one for one in below if one.is_file() and not _NOT_READ & set(one.parts))
    if spec.origin is None or not (module := Path(spec.origin)).is_file():
        return []
    # kernel.so.1 is a library as well
    beside = {one for one in module.parent.iterdir() if one.is_file() and _CODE & set(one.suffixes)}
    return sorted({module} | beside)


def suite_files() -> list[Path]:
    """Return the files of the suite on which a sweep depends, and some more."""
    rooms = ("model", "examples", "oracles", "claims", "sweep")
    return sorted(file for room in rooms for file in (SUITE / room).glob("*.py"))


def _checksum(files: Iterable[Path]) -> str:
    checksum = blake2b(digest_size=8)
    for file in files:
        content = file.read_bytes()
        checksum.update(f"{file.name} {len(content)}\n".encode())
        checksum.update(content)
    return checksum.hexdigest()

"""What decides the outcome of a sweep beside its grid: the code of both sides, and the versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from hashlib import blake2b
from importlib import metadata, util
from pathlib import Path

import numpy as np

from parity.model import machine
from parity.model.subject import Scope

SUITE = Path(__file__).parents[1]
_CODE = {".py", ".so", ".pyd", ".dll", ".dylib"}
_NOT_READ = {"__pycache__", ".git"}


def fingerprint(scope: Scope, skipped: Iterable[Path] = ()) -> dict[str, str]:
    """Return the subject, the scope, checksums of files and the versions of what is called.

    Parameters
    ----------
    skipped
        Files that the sweep itself writes.
    """
    files = subject_files(scope.subject)
    left_out = {path.resolve() for path in skipped}
    return {
        "subject": scope.subject,
        "scope": str(scope),
        "source": _checksum(one for one in files if one.resolve() not in left_out),
        "suite": _checksum(suite_files()),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ml_dtypes": metadata.version("ml_dtypes"),
        "tensorflow": machine.tensorflow(),
    }


def subject_files(subject: str) -> list[Path]:
    """Return the files of the subject's package, or the code beside its module.

    Versions lag behind edits, and a rebuilt library has the name of the old one.
    """
    spec = util.find_spec(subject.partition(":")[0].partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations:
        found = [file for folder in spec.submodule_search_locations for file in _below(folder)]
    elif spec.origin is not None and Path(spec.origin).is_file():
        module = Path(spec.origin)
        # kernel.so.1 is a library as well
        beside = [one for one in module.parent.iterdir() if _CODE & set(one.suffixes)]
        found = [module, *(one for one in beside if one.is_file() and one != module)]
    else:
        return []
    return sorted(found)


def suite_files() -> list[Path]:
    """Return the files of the suite on which a sweep depends, and some more."""
    rooms = ("model", "examples", "oracles", "claims", "sweep")
    return sorted(file for room in rooms for file in (SUITE / room).glob("*.py"))


def _below(folder: str) -> list[Path]:
    files = (file for file in Path(folder).rglob("*") if not _NOT_READ & set(file.parts))
    return [file for file in files if file.is_file()]


def _checksum(files: Iterable[Path]) -> str:
    checksum = blake2b(digest_size=8)
    for file in files:
        content = file.read_bytes()
        checksum.update(f"{file.name} {len(content)}\n".encode())
        checksum.update(content)
    return checksum.hexdigest()

"""The corpus of a campaign: tokens worth checking first next time, each with why it was kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from parity import claims
from parity.search.campaign import Interesting

_HEADING = "# Examples worth checking first: token  # why, and the error / bound if that is why.\n"
_RATIO = "; error / bound "
_FAILED = "failed: "

REGRESSIONS = Path(__file__).with_name("regressions.txt")


def regressions() -> list[str]:
    """Return the tokens of regressions.txt, which every run checks first."""
    lines = REGRESSIONS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Corpus:
    """A file of tokens, one for each reason.

    Parameters
    ----------
    path
        The file; read if it exists.

    Raises
    ------
    ValueError
        If a line of the file is no token; the file and the line are named.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, Interesting] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no corpus: {error}") from error
        for number, line in enumerate(lines, 1):
            token, _, why = line.partition("  # ")
            if token.strip() and not line.startswith("#"):
                reason, _, ratio = why.partition(_RATIO)
                try:
                    claims.parse(token)
                    self.add(Interesting(token.strip(), reason, float(ratio or 0)))
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: {error}") from error

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token, once."""
        return tuple(dict.fromkeys(one.token for one in self._kept.values()))

    @property
    def failed(self) -> tuple[str, ...]:
        """Those tokens that have failed."""
        return tuple(one.token for one in self._kept.values() if one.why.startswith(_FAILED))

    def add_failure(self, token: str) -> None:
        """Keep a token that fails, or ends its process."""
        self.add(Interesting(token, f"{_FAILED}{token}"))

    def add(self, found: Interesting) -> None:
        """Keep `found` if its reason is new, or its ratio larger than that of what was kept."""
        before = self._kept.get(found.why)
        if before is None or found.ratio > before.ratio:
            self._kept[found.why] = found

    def write(self) -> None:
        """Write the file, and the folder that it is in."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(_HEADING + "".join(_lines(self._kept.values())), encoding="utf-8")


def _lines(kept: Iterable[Interesting]) -> Iterable[str]:
    for one in sorted(kept, key=lambda one: one.why):
        ratio = f"{_RATIO}{one.ratio:.6f}" if one.ratio else ""
        yield f"{one.token}  # {one.why}{ratio}\n"

"""A verdict is written so that other tools read it; nothing heavy is imported for the options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from parity import claims
from parity.__main__ import COMMANDS, main
from parity.cli import publish
from parity.model.verdict import AGREEMENT, DISAGREEMENT, MISTRUSTED, Verdict

TOLD = Verdict.of(
    DISAGREEMENT,
    "kernel:conv2d",
    agreeing=[("exact", "3 | 4 examples")],
    failures=[("layers", "differs\nat \x00 <0>")],
    doubts=["no example"],
    left_out=[("bounded", "known")],
)


def test_junit_has_a_case_for_each_part() -> None:
    suite = ElementTree.fromstring(publish.junit("parity fuzz", TOLD))
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    kinds = {case.get("name"): case[0].tag for case in suite}
    assert kinds == {
        "exact": "system-out",
        "layers": "failure",
        "trust": "error",
        "bounded": "skipped",
    }
    assert suite[1][0].get("message") == "differs"
    assert (suite[1][0].text or "").endswith("<0>")


def test_markdown_shows_what_disagrees() -> None:
    lines = publish.markdown("parity fuzz", TOLD).splitlines()
    assert lines[0] == "## disagreement: kernel:conv2d"
    assert r"| exact | agrees | 3 \| 4 examples |" in lines
    assert "| layers | DISAGREES | differs |" in lines
    assert "at \x00 <0>" in lines


@pytest.mark.parametrize("code", [AGREEMENT, MISTRUSTED, 4])
def test_no_verdict_but_agreement_is_all_green(code: int) -> None:
    assert (b"<failure" in publish.junit("", Verdict.of(code, ""))) == (code != AGREEMENT)


def test_files_that_cannot_be_written_are_told_first(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "nowhere" / "out.xml"
    assert main(["fuzz", "--minutes", "60", "--junit", str(path)]) == 2
    assert "--junit: there is no directory" in capsys.readouterr().err


def test_help_is_light_and_names_the_claims(capsys: Any) -> None:
    code = """
import sys
from parity.__main__ import main
from parity.suite import plugin
assert not {"tensorflow", "hypothesis", "scipy", "npconv"} & {*sys.modules}
main(sys.argv[1:])
"""
    run = [sys.executable, "-c", code]
    told = subprocess.run([*run, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(name in told for name, *_ in COMMANDS)
    with pytest.raises(SystemExit):
        main(["fuzz", "--help"])
    told = capsys.readouterr().out
    assert all(claim.statement in told for claim in claims.CLAIMS.values())


def test_npconv_is_only_one_more_subject(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("PARITY_SUBJECT", raising=False)
    monkeypatch.setattr("parity.cli.options.find_spec", lambda _: None)
    assert main(["fuzz"]) == 2
    assert "npconv, its default, is not installed" in " ".join(capsys.readouterr().err.split())

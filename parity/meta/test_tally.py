"""A run that compared too little is mistrusted, for the reason that it states."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from parity import tally
from parity.case import Case
from parity.claims.claim import Claim, Told
from parity.strategies import cases
from parity.subject import Scope
from parity.tally import Count

ROOT = Path(__file__).parents[2]
CASE = Case((1, 2, 2, 1), (1, 1, 1, 1))
SCOPE = Scope(dtypes=("float32", "int32"))
CLAIM = Claim(
    name="planted",
    statement="",
    dtypes=("float32", "int32"),
    strategy=lambda dtype, scope: cases([dtype]),
    check=lambda case, conv2d: Told(1, 1),
    examples=100,
    telling=2,
    minima=lambda scope: {"SAME": 0.1},
)


def counts(**changes: Any) -> list[Count]:
    """Return a run of 2 * 100 examples that is just good enough, but for `changes` in float32."""
    tokens = {bytes([i]) for i in range(50)}
    plain = Count("planted", "int32", 100, 100, 200, tokens, Counter({"SAME": 10}))
    changed = Count("planted", "float32", 100, 100, 200, tokens, Counter({"SAME": 10}))
    return [plain, dataclasses.replace(changed, **changes)]


def test_a_run_that_is_just_good_enough() -> None:
    assert tally.doubts(CLAIM, counts(), SCOPE) == []


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"telling": 199}, "planted float32: only 199 telling values in 100 examples"),
        ({"classes": Counter({"SAME": 9})}, "19 of 200 examples are of the class 'SAME', 20"),
        ({"tokens": {b"a"}}, "only 51 of 200 examples are distinct"),
        ({"examples": 33, "classes": Counter({"SAME": 20})}, "only 33 of 133 examples are float32"),
    ],
)
def test_a_run_that_is_not(changes: dict[str, Any], doubt: str) -> None:
    [found] = tally.doubts(CLAIM, counts(**changes), SCOPE)
    assert doubt in found


def test_a_run_without_examples() -> None:
    assert tally.doubts(CLAIM, [], SCOPE) == ["planted: no example"]


def test_what_is_counted_and_merged() -> None:
    one, two = Count("planted", "float32"), Count("planted", "float32")
    told = Told(4, 3, {"subject": 0.5}, ("extra",))
    one.add(CASE, told, ["SAME"])
    two.add(CASE, told, ["SAME"])
    two.add(dataclasses.replace(CASE, seed=1), Told(1, 0, {"subject": 0.25}), [])
    found: tally.Counts = {}
    tally.merge(found, [one, two])
    document = found["planted", "float32"].document()
    assert document["classes"] == {"SAME": 2, "extra": 2}
    assert document["largest"] == {"subject": {"ratio": 0.5, "token": CASE.token()}}
    assert document["ratios"] == {"subject": {"-4": 1, "-2": 2}}  # 2**-2 and 2**-1
    assert tally.total(found.values()) == {
        "examples": 3,
        "distinct": 2,
        "outputs": 9,
        "telling": 6,
    }


def test_examples_are_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARITY_EXAMPLES", "2.5")
    assert tally.RUN.multiplied(100) == 250
    monkeypatch.setenv("PARITY_EXAMPLES", "0.0001")
    assert tally.RUN.multiplied(100) == 1


@pytest.mark.parametrize(
    ("options", "examples", "code", "said"),
    [
        (["--claims", "exact", "--dtypes", "int32"], "0.5", 0, ""),
        (["--claims", "exact", "--dtypes", "int32"], "0.002", 3, "MISTRUSTED"),
        (["--subject", "parity.mutants:kernel_flipped", "--dtypes", "int32"], "0.1", 1, "int32"),
        (["-n", "2", "--claims", "exact", "--dtypes", "int32"], "0.002", 3, "MISTRUSTED: exact"),
        (["--subject", "nowhere:conv2d"], "0.1", 2, "nowhere"),
        (["--dtypes", "int8"], "0.1", 2, "int8"),
        (["--claims", "honesty"], "0.1", 2, "honesty"),
    ],
)
def test_exit_codes_of_pytest(options: list[str], examples: str, code: int, said: str) -> None:
    command = [sys.executable, "-m", "pytest", "parity/test_claims.py", "-q", "-x", *options]
    environment = {**os.environ, "PARITY_EXAMPLES": examples}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert said in ran.stdout + ran.stderr

"""A run that compared too little is mistrusted, for the reason that it states."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from parity.claims import CLAIMS, tally, trust
from parity.claims.claim import Claim, Told
from parity.claims.tally import Count
from parity.examples import pairs
from parity.examples.pairs import CHANCE
from parity.examples.strategies import cases
from parity.model.case import Case
from parity.model.subject import Scope
from parity.suite.run import Run

ROOT = Path(__file__).parents[3]
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
    assert trust.doubts(CLAIM, counts(), SCOPE) == []
    assert trust.too_few(CLAIM, counts(), SCOPE) == ""


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"telling": 199}, "planted float32: only 199 telling values in 100 examples"),
        ({"classes": Counter({"SAME": 9})}, "19 of 200 examples are of the class 'SAME', 20"),
        ({"tokens": {b"a"}}, "only 51 of 200 examples are distinct"),
        ({"examples": 11, "classes": Counter({"SAME": 20})}, "only 11 of 111 examples are float32"),
        (
            {"examples": 0, "telling": 0, "classes": Counter({"SAME": 20})},
            "planted float32: no example",
        ),
        (
            {"not_supported": tally.Open(23, "why")},
            "planted: 23 of 223 examples are not supported: say so by --without, --dtypes",
        ),
        (
            {"oracle_failed": tally.Open(1, "why")},
            "planted float32: TensorFlow failed on 1 examples, the first why",
        ),
    ],
)
def test_a_run_that_is_not(changes: dict[str, Any], doubt: str) -> None:
    [found] = trust.doubts(CLAIM, counts(**changes), SCOPE)
    assert doubt in found


def test_a_few_examples_may_be_unsupported_but_some_have_to_be_there() -> None:
    assert trust.doubts(CLAIM, counts(not_supported=tally.Open(22, "why")), SCOPE) == []
    assert trust.doubts(CLAIM, [], SCOPE) == ["planted: no example"]


def test_a_run_that_was_cut_short_is_no_doubt_but_is_told() -> None:
    """Four faulty kernels were told as mistrusted, and not as found, by a campaign of a minute."""
    none: Counter[str] = Counter()
    few = [Count("planted", dtype, 9, 9, 9, {b"a"}, none) for dtype in ("int32", "float32")]
    assert trust.doubts(CLAIM, few, SCOPE) == []
    [said] = [trust.too_few(CLAIM, few, SCOPE)]
    assert said == "planted: 18 examples are too few to tell for SAME"
    # With as many as make missing a class practically impossible it is a doubt.
    many = [Count("planted", dtype, 50, 50, 100, {bytes([i]) for i in range(50)}, none)
            for dtype in ("int32", "float32")]  # fmt: skip
    [doubt] = trust.doubts(CLAIM, many, SCOPE)
    assert doubt == "planted: 0 of 100 examples are of the class 'SAME', 8 have to be"
    assert trust.too_few(CLAIM, many, SCOPE) == ""


@pytest.mark.parametrize("share", [0.002, 0.02, 0.1, 0.3])
@pytest.mark.parametrize("examples", [10, 50, 200, 1000, 10_000])
def test_chance_alone_misses_a_class_once_in_a_million(share: float, examples: int) -> None:
    mean, asked = 3 * share * examples, trust.least(share, examples)

    def probability(number: int) -> float:
        return math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))

    below = sum(map(probability, range(asked)))
    assert below < CHANCE
    assert asked <= math.ceil(share * examples)
    if asked < share * examples:  # one more would be missed more often
        assert below + probability(asked) >= CHANCE
    if mean >= 90:
        assert asked == math.ceil(share * examples)


def test_what_is_counted_and_merged() -> None:
    one, two = Count("planted", "float32"), Count("planted", "float32")
    told = Told(4, 3, {"subject": 0.5}, ("extra",))
    one.add(CASE, told, ["SAME"])
    two.add(CASE, told, ["SAME"])
    two.add(dataclasses.replace(CASE, seed=1), Told(1, 0, {"subject": 0.25}), [])
    found: tally.Counts = {}
    tally.merge(found, [one, two])
    document = found["conv2d", "planted", "float32"].document()
    assert document.classes == {"SAME": 2, "extra": 2}
    assert document.largest == {"subject": tally.Largest(0.5, CASE.token())}
    assert document.ratios == {"subject": {"-4": 1, "-2": 2}}  # 2**-2 and 2**-1
    assert tally.total(found.values()) == (3, 2, 9, 6)


def test_examples_are_multiplied() -> None:
    assert Run(share=2.5).multiplied(100) == 250
    assert Run(share=0.0001).multiplied(100) == 1


@pytest.mark.parametrize(
    ("options", "examples", "code", "said"),
    [
        (["--subject", "parity.mutants:kernel_flipped", "--dtypes", "int32"], "0.1", 1, "int32"),
        (
            ["--operation", "conv2d", "-n", "2", "--claims", "exact", "--dtypes", "int32"],
            "0.002",
            3,
            "MISTRUSTED: exact",
        ),
        (["--claims", "bounded", "--dtypes", "int32"], "0.1", 2, "nothing would be compared"),
        (["--subject", "nowhere:conv2d"], "0.1", 2, "nowhere"),
    ],
)
def test_exit_codes_of_pytest(options: list[str], examples: str, code: int, said: str) -> None:
    ran = pytest_of_claims(examples, *options)
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert said in ran.stdout + ran.stderr


def test_pytest_agrees_and_writes_how_often_every_pair_was_met(tmp_path: Path) -> None:
    told = tmp_path / "counts.json"
    options = ("--claims", "layers", "--dtypes", "int32", "--operation", "conv2d")
    assert pytest_of_claims("0.1", *options, "--counts", str(told)).returncode == 0
    (count,) = msgspec.json.decode(told.read_bytes(), type=list[tally.Counted])
    coverage = CLAIMS["layers"].coverage(Scope())
    met = {name: number for name, number in count.pairs.items() if number}
    assert met
    assert set(met) <= {pairs.name(pair) for pair in coverage.pairs}
    # Every layer has one dilation and one padding.
    of_both = [number for name, number in met.items() if re.fullmatch(r"dilation.*padding.*", name)]
    assert len(of_both) == 6
    assert sum(of_both) == count.examples == 300


def pytest_of_claims(examples: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the suite's claims in a process of their own."""
    command = [sys.executable, "-m", "pytest", "parity/suite/test_claims.py", "-q", "-x", *options]
    environment = {**os.environ, "PARITY_EXAMPLES": examples}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

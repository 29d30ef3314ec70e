"""Proofs prove what is true, refute what is not, and say so of nothing else."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("z3", reason="proofs need z3-solver")

from parity.theorems import spans, symbolic
from parity.theorems.theorem import (
    INTEGER,
    NATURAL,
    POSITIVE,
    Check,
    Domain,
    Outside,
    Proof,
    Refuted,
    Theorem,
    prove,
    replay,
)


def proof_of(body: Any, **domains: Domain) -> Proof:
    return prove(Theorem("planted", "", (), domains, body))


def test_a_quotient_is_pythons() -> None:
    def body(check: Check, x: Any, y: Any) -> None:
        q, r = divmod(x, y)
        check.holds(symbolic.both(q * y + r == x, r >= 0, r < y), "the definition")
        check.holds(-(-x // y) * y >= x, "rounded up")

    assert proof_of(body, x=INTEGER, y=POSITIVE).verdict == "proved"


def test_the_smallest_counterexample_is_found() -> None:
    def body(check: Check, x: Any, y: Any) -> None:
        check.assume(x > 6)
        check.holds(x * y < 40, "too much")

    proof = proof_of(body, x=NATURAL, y=NATURAL)
    assert (proof.verdict, proof.smallest) == ("refuted", True)
    assert sum(proof.counterexample.values()) == 13  # 7 * 6 is the least of 40 and more
    with pytest.raises(Refuted, match="too much"):
        replay(Theorem("planted", "", (), {}, body), **proof.counterexample)


def test_every_way_is_gone() -> None:
    def body(check: Check, x: Any) -> None:
        sign = -1 if x < 0 else 1 if x > 0 else 0
        check.holds(max(x, -x) == sign * x, "absolute")
        check.holds(symbolic.implies(x == 5, sign == 0), "wrong at 5 alone")

    proof = proof_of(body, x=INTEGER)
    assert (proof.verdict, proof.counterexample) == ("refuted", {"x": 5})


def test_a_word_of_a_few_is_a_case_each() -> None:
    def body(check: Check, x: Any, which: str) -> None:
        check.holds(x + 1 > (x + 2 if which == "wrong" else x), which)

    proof = proof_of(body, x=INTEGER, which=("right", "wrong"))
    assert proof.counterexample == {"which": "wrong", "x": 0}


def test_nothing_is_not_proved() -> None:
    def nowhere(check: Check, x: Any) -> None:
        check.assume(x < 0)
        check.holds(x == 7, "never asked")

    assert proof_of(nowhere, x=NATURAL).verdict == "vacuous"
    assert proof_of(lambda check, x: None, x=NATURAL).verdict == "vacuous"


def test_what_is_not_found_out_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    def cubes(check: Check, x: Any, y: Any, z: Any) -> None:
        check.holds(symbolic.negated(x * x * x + y * y * y + z * z * z == 42), "no 42")

    monkeypatch.setattr(symbolic, "_PATIENT", (1_000, 1_000))
    proof = proof_of(cubes, x=INTEGER, y=INTEGER, z=INTEGER)
    assert (proof.verdict, proof.unknown) == ("unknown", ["no 42"])


def test_loops_and_divisors_that_may_be_wrong_are_refused() -> None:
    with pytest.raises(TypeError, match="symbolic integer"):
        proof_of(lambda check, x: list(range(x)), x=NATURAL)
    with pytest.raises(ArithmeticError, match="positive"):
        proof_of(lambda check, x: check.holds(1 // x == 0, ""), x=NATURAL)


def test_a_theorem_runs_on_ordinary_integers() -> None:
    one = spans.span_reads_what_the_definition_says
    values = {"size": 5, "stride": 2, "dilation": 1, "before": 1, "o0": 0, "o1": 3, "k0": 0}
    assert replay(one, **values, k1=3, output=2, tap=1) > 3
    with pytest.raises(Outside):
        replay(one, **values, k1=3, output=3, tap=1)


def test_only_what_is_proved_is_a_lemma() -> None:
    def body(check: Check, x: Any, y: Any) -> None:
        check.lemma(symbolic.implies(x < y, x * 2 < y))
        check.holds(y > x, "so it seems")

    with pytest.raises(TypeError, match="product_grows"):
        proof_of(body, x=INTEGER, y=INTEGER)
    negative = symbolic.product_grows(1, 2, -1)
    assert negative is True  # it says nothing of these


def test_another_solver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cvc5")
    one = spans.span_reads_what_the_definition_says
    proof = prove(one, again=True)
    assert (proof.verdict, proof.confirmed) == ("proved", proof.statements)
    assert symbolic.asked_again([], symbolic.Int.named("x") > 3) == "sat"
    monkeypatch.setattr(symbolic, "asked_again", lambda known, goal: "sat")
    assert prove(one, again=True).verdict == "unknown"


def test_the_smallest_is_looked_for_in_later_statements_too() -> None:
    def body(check: Check, x: Any) -> None:
        check.holds(x < 50, "first")
        check.holds(x < 5, "second")

    proof = proof_of(body, x=NATURAL)
    assert (proof.words, proof.counterexample, proof.smallest) == ("second", {"x": 5}, True)


def test_a_case_of_which_nothing_is_said_is_not_proved() -> None:
    def body(check: Check, x: Any, which: str) -> None:
        check.assume(x < 0 if which == "none" else x > 0)
        check.holds(x != 77 if which == "none" else x >= 1, which)

    proof = proof_of(body, x=NATURAL, which=("some", "none"))
    assert proof.verdict == "vacuous"
    assert "'none'" in proof.words


def test_truths_and_integers_are_compared_as_such() -> None:
    def body(check: Check, x: Any) -> None:
        check.holds((x < 0) != (x < 0), "a truth is itself")

    assert proof_of(body, x=INTEGER).verdict == "refuted"
    with pytest.raises(TypeError, match=r"2\.0"):
        proof_of(lambda check, x: check.holds(x != 2.0, ""), x=INTEGER)
    with pytest.raises(TypeError, match="unhashable"):
        proof_of(lambda check, x: check.holds(x not in {0, 1}, ""), x=INTEGER)


def test_nothing_that_is_proved_can_swallow_what_is_against_it() -> None:
    def body(check: Check, x: Any) -> None:
        try:
            check.holds(x < 3, "false")
        except Exception:
            return

    assert proof_of(body, x=INTEGER).verdict == "refuted"

"""The option that says which bound holds: read strictly, and refused in words."""

from __future__ import annotations

import argparse
from fractions import Fraction

import pytest

from parity.cli import options
from parity.cli.replay import command
from parity.model.error import Error, Normwise, Winograd, parse
from parity.model.subject import Scope
from parity.model.verdict import WrongCall

HALVES = Winograd(4, 3, tuple(map(Fraction, ("0", "1/2", "-1/2", "2", "-2"))))


@pytest.mark.parametrize(
    ("text", "meant", "written"),
    [
        ("componentwise", None, "None"),
        ("winograd:F(4,3):0,±1/2,±2", HALVES, "winograd:F(4,3):0,±1/2,±2"),
        ("winograd: F(4x4, 3x3): 0, 1/2, -1/2, 2, -2", HALVES, "winograd:F(4,3):0,±1/2,±2"),
        ("winograd:F(4,3):0,+-2/4,+2,-2", HALVES, "winograd:F(4,3):0,±1/2,±2"),
        (
            "winograd:F(2,2):-5/8,3",
            Winograd(2, 2, (Fraction(-5, 8), Fraction(3))),
            "winograd:F(2,2):-5/8,3",
        ),
        ("normwise:20.5", Normwise(20.5), "normwise:20.5"),
    ],
)
def test_what_is_meant(text: str, meant: Error, written: str) -> None:
    assert parse(text) == meant
    assert str(meant) == written
    assert meant is None or parse(written) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "allowed are componentwise, winograd:F"),
        ("direct", "received 'direct'"),
        ("winograd", "allowed are componentwise"),
        ("winograd:F(4,3):0,±1", "F(4,3) has 5 points that differ, besides infinity; received '0,"),
        ("winograd:F(4,3):0,1,1,2,-2", "5 points that differ"),
        ("winograd:F(4,3):±0,1,2,3", "5 points that differ"),
        ("winograd:F(4,3):0,±1,±2/0", "a point is written as 0, 2, -1/2 or ±5/8; received '±2/0'"),
        ("winograd:F(4,3):0,±1,±0.5", "received '±0.5'"),
        ("winograd:F(4,3):0,±1,±__import__", "received '±__import__'"),
        ("winograd:F(4x2,3):0,±1,±2", "of sizes from 2 to 6"),
        ("winograd:F(4x,3):0,±1,±2", "of sizes from 2 to 6"),
        ("winograd:F(1,3):0,±1", "of sizes from 2 to 6"),
        ("winograd:F(64,3):0,±1", "of sizes from 2 to 6"),
        ("normwise:0.5", "a FACTOR from 1; received 'normwise:0.5'"),
        ("normwise:1e3", "a FACTOR from 1"),
        ("normwise:", "a FACTOR from 1"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(WrongCall, match="--error or PARITY_ERROR: ") as raised:
        parse(text)
    assert said in str(raised.value)


def test_option_variable_and_the_line_that_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    options.add_subject(parser)
    text = "winograd:F(4,3):0,±1/2,±2"
    given = parser.parse_args(["--error", text])
    assert options.scope(given).bound == HALVES
    assert options.scope(parser.parse_args([])).bound is None
    monkeypatch.setenv("PARITY_ERROR", "normwise:9")
    assert options.scope(parser.parse_args([])).bound == Normwise(9)
    assert options.scope(given).bound == HALVES
    assert str(options.scope(given)) == f"error {text}"
    assert f"--error '{text}'" in command("a token", Scope(error=str(HALVES)))
    assert "--error" not in command("a token", Scope())

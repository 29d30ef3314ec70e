"""Pytest says which call has ended it, ends one that hangs, and what it could not compare."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import npconv
from parity.model.case import Case
from parity.tests.search import test_fuzz as subjects

ROOT = Path(__file__).parents[3]
FUZZ, HERE = subjects.__name__, "parity.tests.engine.test_watcher"


def aborting_at_stride_3(x: Any, w: Any, strides: Any, *rest: Any, **named: Any) -> Any:
    if strides[0] == 3:
        os.abort()
    return npconv.conv2d(x, w, strides, *rest, **named)


def hanging_under_a_rule(input: Any, *arguments: Any, **named: Any) -> Any:
    time.sleep(3600)


def refusing_the_name(input: Any, *arguments: Any, **named: Any) -> Any:
    if named.get("name") is not None:
        raise NotImplementedError("no names")
    return npconv.conv2d(input, *arguments, **named)


def ran(*options: str, examples: str = "0.1") -> tuple[int, str]:
    """Return the exit code of pytest on the claim exact in int32, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--dtypes", "int32"]
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, "PARITY_EXAMPLES": examples},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


CLAIM = ("parity/suite/test_claims.py", "--claims", "exact")


@pytest.mark.parametrize(
    ("subject", "options", "what"),
    [
        (
            f"{HERE}:aborting_at_stride_3",
            ("-n", "1", "--max-worker-restart", "0"),
            "the process has ended",
        ),
        (f"{FUZZ}:hanging_at_stride_3", ("--call-seconds", "2"), "no answer within 2 s"),
    ],
)
def test_a_call_that_ends_pytest_or_never_ends_leaves_its_token(
    subject: str, options: tuple[str, ...], what: str
) -> None:
    code, said = ran(*CLAIM, "--subject", subject, *options)
    assert code not in (0, 2, 3)
    found = re.search(f"DISAGREES: {what}, in a call of the subject, during (.*)\n", said)
    assert found, said
    assert Case.parse(found[1]).strides[0] == 3
    assert f"\npython -m parity replay '{found[1]}' --subject {subject}" in said


def test_a_test_without_examples_is_named() -> None:
    code, said = ran(
        "parity/suite/test_rules.py", "-x", "--call-seconds", "2",
        "--subject", f"{HERE}:hanging_under_a_rule",
    )  # fmt: skip
    assert code != 0
    assert (
        "no answer within 2 s, in a call of the subject, during parity/suite/test_rules.py::"
        in said
    )
    assert "parity replay" not in said


@pytest.mark.parametrize(
    ("subject", "workers", "said"),
    [
        ("refusing_stride_3", ("-n", "1"), "NotImplementedError: strides of 3"),
        ("refusing", (), "MISTRUSTED: nothing was compared"),
        ("beside_a_broken_oracle", (), "RuntimeError: out of order"),
    ],
)
def test_what_says_nothing_of_the_subject_is_mistrusted(
    subject: str, workers: tuple[str, ...], said: str
) -> None:
    code, text = ran(*CLAIM, "--subject", f"{FUZZ}:{subject}", *workers)
    assert code == 3, text
    assert "MISTRUSTED" in text
    assert said in text


RULES = ("parity/suite/test_rules.py", "--dtypes", "float32")


def test_a_rule_that_is_not_supported_is_no_failure() -> None:
    code, text = ran(*RULES, "-rs", "--subject", f"{HERE}:refusing_the_name")
    assert (code, "not supported: no names" in text) == (0, True), text
    code, text = ran(*RULES, "--subject", f"{FUZZ}:refusing", "-n", "1")
    assert code == 3, text
    assert re.search(r"MISTRUSTED: rules: (\d+) of \1 examples are not supported", text), text

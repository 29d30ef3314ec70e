"""``python -m parity replay``: its verdicts and exit codes."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import npconv
from parity.__main__ import main

LATTICE = "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME lattice:7"
BOUNDED = "float32 NHWC 1x5x5x3 w3x3x3x2 s2,1 d1,1 SAME bounded:7"
SHAPES = "input=ints((1, 1, 1, 1), 'float32'), filters=ints((3, 3, 1, 1), 'float32')"
REFUSED = f"conv2d({SHAPES}, strides=[1, 1], padding='VALID', data_format='NHWC', dilations=[1, 1])"
WRONG = "float32 NHWC 1x1x1x1 w3x3x1x1 s1,1 d1,1 VALID lattice:0"


def flipped(input: Any, filters: Any, *arguments: Any, **named: Any) -> Any:
    return npconv.conv2d(input, filters[::-1], *arguments, **named)


def accepting(*arguments: Any, **named: Any) -> Any:
    try:
        return npconv.conv2d(*arguments, **named)
    except ValueError:
        return np.zeros((1, 0, 0, 1), np.float32)


def dying(*arguments: Any, **named: Any) -> Any:
    os._exit(3)


@pytest.mark.parametrize(
    ("token", "subject", "code", "said"),
    [
        (LATTICE, "npconv:conv2d", 0, "exact: holds, 30 values"),
        (BOUNDED, "npconv:conv2d", 0, "error / bound"),
        (REFUSED, "npconv:conv2d", 0, "accept_reject: holds"),
        (LATTICE, "parity.tests.cli.test_replay:flipped", 1, "DISAGREES"),
        (BOUNDED, "parity.tests.cli.test_replay:flipped", 1, "DISAGREES"),
        (REFUSED, "parity.tests.cli.test_replay:accepting", 1, "expected ValueError"),
        (REFUSED, "parity.tests.cli.test_replay:dying", 1, "ended with exit status 3"),
        (
            LATTICE,
            "parity.tests.search.test_fuzz:refusing",
            3,
            "not supported: NotImplementedError",
        ),
        (
            LATTICE,
            "parity.tests.search.test_fuzz:beside_a_broken_oracle",
            3,
            "RuntimeError: out of order",
        ),
        (
            LATTICE,
            "parity.tests.search.test_fuzz:beside_a_dying_oracle",
            3,
            "in a call of TensorFlow",
        ),
        ("no token", "npconv:conv2d", 2, "no token"),
        (WRONG, "npconv:conv2d", 2, REFUSED),
    ],
)
def test_replay(token: str, subject: str, code: int, said: str, capsys: Any) -> None:
    assert main(["replay", token, "--subject", subject]) == code
    printed, wrong = capsys.readouterr()
    assert said in printed + wrong.replace("\n", "")
    if "flipped" in subject:  # the script is there, and unbroken
        script = printed[printed.index("import ") :]
        compile(script, "snippet", "exec")

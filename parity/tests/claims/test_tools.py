"""The subject and the oracle."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from parity.cli import options
from parity.model import subject
from parity.oracles import eigen as tensorflow_oracle

ROOT = Path(__file__).parents[3]


def test_subjects_are_named_by_module_and_attribute() -> None:
    assert subject.load("numpy:linalg.norm") is np.linalg.norm
    for wrong in ("numpy", "numpy:pi"):
        with pytest.raises(ValueError, match="subject"):
            subject.load(wrong)


def test_the_oracle_sorts_errors() -> None:
    verdict, tf = tensorflow_oracle.verdict, tensorflow_oracle.tensorflow()
    x, w = np.ones((1, 2, 2, 2), np.float32), np.ones((1, 1, 2, 1), np.float32)
    assert verdict(lambda: tf.nn.conv2d(x, w, 1, "SAME")) == "ok"
    assert verdict(lambda: tf.nn.conv2d(x, w, 0, "SAME")) is ValueError
    assert verdict(lambda: tf.nn.conv2d(x, w, 1, "SAME", "NCHW")) is ValueError
    assert verdict(lambda: tf.nn.conv2d(x, w, "1", "SAME")) is TypeError
    assert verdict(lambda: tf.nn.conv2d(x.astype(int), w, 1, "SAME")) is TypeError
    assert verdict(lambda: tf.nn.conv2d(x.astype(object), w, 1, "SAME")) is TypeError
    assert verdict(lambda: tf.nn.conv2d(None, w, 1, "SAME")) is TypeError
    pads = [[0, 0], [2**30, 0], [2**29, 0], [0, 0]]
    assert verdict(lambda: tf.nn.conv2d(x, w, 1, pads)) is MemoryError
    assert verdict(lambda: 1 // 0) is ValueError  # as atrous_conv2d does for filters of no depth
    with pytest.raises(StopIteration):
        verdict(lambda: next(iter(())))


def test_the_oracle_does_nchw_by_nhwc() -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    w = np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1)
    pads = [[0, 0], [0, 0], [1, 0], [0, 2]]
    got = tensorflow_oracle.conv2d(x, w, [1, 1, 2, 1], pads, "NCHW")
    turned = [[0, 0], [1, 0], [0, 2], [0, 0]]
    expected = tensorflow_oracle.conv2d(np.moveaxis(x, 1, 3), w, [1, 2, 1, 1], turned)
    assert np.array_equal(got, np.moveaxis(expected, 3, 1))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import tensorflow; from parity.oracles import eigen; eigen.tensorflow()", "was imported"),
        (("from parity.oracles import eigen; eigen.tensorflow(); import os;"
         "assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '1'"), ""),
    ],
    ids=["imported before", "environment"],
)  # fmt: skip
def test_the_oracle_is_imported_late_and_proves_its_build(script: str, message: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}, timeout=120, check=False,
    )  # fmt: skip
    assert (child.returncode != 0) == bool(message), child.stderr
    assert message in child.stderr


def test_features_are_spelled_with_dashes_or_spaces() -> None:
    for written in ("unequal-strides,SAME", "unequal strides, SAME"):
        assert options.scope(Namespace(without=written)).without == {"unequal strides", "SAME"}
    with pytest.raises(ValueError, match=r"unequal-strides.* received 'unequal_strides'"):
        options.scope(Namespace(without="unequal_strides"))
    assert not subject.Scope(without=frozenset({"strides"})).has("unequal strides")
    assert subject.Scope(without=frozenset({"unequal strides"})).has("strides")

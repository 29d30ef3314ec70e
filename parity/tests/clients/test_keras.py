"""Claim: Keras computes on NumPy with npconv, and without JAX, what it computes on TensorFlow.

Runs where Keras is 3.15, on the two backends in processes of their own: ``tox -e keras``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from parity.oracles.bounds import gamma
from parity.tests.clients.layers import ALONE, CONVOLUTIONS, LAYERS, POOLINGS, Array, cases

CHECKOUT = Path(__file__).parents[3]
SINGLE = np.finfo(np.float32)

try:
    installed = metadata.version("keras")
except metadata.PackageNotFoundError:
    installed = "none"
pytestmark = pytest.mark.skipif(
    not installed.startswith("3.15."), reason=f"for Keras 3.15, not {installed}"
)


def python(backend: str, *arguments: str) -> str:
    """Run Python with a backend, TensorFlow as it is the oracle: without oneDNN."""
    chosen = {"KERAS_BACKEND": backend, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=os.environ | chosen,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def both(module: str, folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return what a module of this folder writes, on NumPy and on TensorFlow."""
    files = [folder / f"{backend}.npz" for backend in ("numpy", "tensorflow")]
    for file in files:
        python(file.stem, "-m", f"parity.tests.clients.{module}", str(file))
    numpy, tensorflow = (dict(np.load(file)) for file in files)
    return numpy, tensorflow


def hold(y: Array, expected: Array, gross: Array | None, roundings: int, what: object) -> None:
    """Demand the same bits; or, where sums are rounded, what two orders of summation may differ by.

    Each side is within gamma_n of its gross magnitude g of the exact value, and n times the
    smallest normal number (parity/oracles/bounds.py; gamma_j + gamma_k + gamma_j gamma_k is at most
    gamma_(j+k), Higham, section 3.1, for steps one after another).  g itself was rounded as often.
    """
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype), what
    if gross is None:
        assert y.tobytes() == expected.tobytes(), what
        return
    most = gamma(roundings, float(SINGLE.eps) / 2)
    bound = 2 * (most * gross.astype(float) / (1 - most) + roundings * float(SINGLE.tiny))
    assert (np.abs(y.astype(float) - expected) <= bound).all(), what


def test_layers(tmp_path: Path) -> None:
    numpy, tensorflow = both("layers", tmp_path)
    count: Counter[tuple[str, str]] = Counter()
    for index, case in enumerate(cases()):
        gross = None if case.exact else tensorflow[f"g{index}"]
        hold(numpy[f"y{index}"], tensorflow[f"y{index}"], gross, case.terms, case)
        count[case.layer, str(tensorflow["why"][index])] += 1
    for (layer, why), number in sorted(count.items()):
        print(f"{layer:18}{number:5}  {f'in another way: {why}' if why else 'as it is'}")
    for layer in LAYERS:
        assert sum(number for (one, _), number in count.items() if one == layer) >= 100
        most = layer in (*CONVOLUTIONS, *ALONE, *POOLINGS)  # of transposes TensorFlow refuses half
        assert count[layer, ""] >= (60 if most else 30)


def test_models(tmp_path: Path) -> None:
    numpy, tensorflow = both("models", tmp_path)
    for name in ("mobilenet", "unet"):
        exact, rounded = f"{name} integers", f"{name} positive"
        assert len(np.unique(numpy[exact])) > 30
        hold(numpy[exact], tensorflow[exact], None, 0, exact)
        roundings = int(tensorflow[f"{name} roundings"])
        hold(numpy[rounded], tensorflow[rounded], tensorflow[rounded], roundings, rounded)


@pytest.mark.parametrize("gross", [None, np.array([3.0])])
def test_planted_errors(gross: Array | None) -> None:
    y = np.array([2.0])
    bound = 0 if gross is None else 6 * gamma(10, float(SINGLE.eps) / 2)
    hold(y + 0.99 * bound, y, gross, 10, "")
    with pytest.raises(AssertionError):
        hold(y + max(1.01 * bound, 2**-51), y, gross, 10, "")


def test_what_is_not_served_says_so() -> None:
    script = """if True:
        import parity.clients.keras_numpy
        import sys
        import keras
        import numpy as np
        assert keras.backend.backend() == "numpy"
        assert not {"jax", "tensorflow"} & set(sys.modules)
        try:
            keras.ops.fft((np.ones(4), np.ones(4)))
        except NotImplementedError as error:
            print(error)
        del sys.modules["parity.clients.keras_numpy"]
        try:
            import parity.clients.keras_numpy
        except ImportError as error:
            print(error)
    """
    absent, late = python("numpy", "-c", script).splitlines()
    assert absent.startswith("keras.src.backend.jax.math.fft needs JAX")
    assert late.startswith("import parity.clients.keras_numpy before keras")
    other = "try: import parity.clients.keras_numpy\nexcept ImportError as error: print(error)"
    assert "not 'tensorflow'" in python("tensorflow", "-c", other)

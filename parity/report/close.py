"""``python -m parity close``: errors of some kernels beside the bound, as a table and a picture.

One layer of a net, many outputs, each held against its exact value: npconv's three precisions,
TensorFlow, PyTorch where it is installed, a Winograd kernel with the points that most have, and
float16 with sums in float16.  An error is shown as a share of the bound of float32 sums.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from parity.model.case import Array, Case
from parity.model.verdict import AGREEMENT, DISAGREEMENT

LAYER = Case((1, 28, 28, 128), (3, 3, 128, 128), padding="SAME", kind="normal", seed=16)
"""ResNet-50's conv3_x, with the data of a net."""
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99, 1)
LAVIN = "winograd:F(4,3):0,±1,±2"


class Row(NamedTuple):
    """Errors of a kernel, or tolerances, as shares of the bound of float32 sums.

    `quantiles` are those of ``QUANTILES``, `own` is the mean of the kernel's own bound, `nearest`
    the largest error / own bound, and `refused` the share of outputs that numpy.allclose's default
    would refuse.
    """

    name: str
    quantiles: tuple[float, ...]
    own: float | None = None
    nearest: float | None = None
    refused: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw it")


def run(arguments: argparse.Namespace) -> int:
    """Print the table and write the picture; say whether all lie within their own bounds."""
    rows = list(measured(LAYER))
    table = Table(title=f"error / bound of float32 sums, {LAYER.token()}", box=None)
    heads = "kernel", "median", "99 %", "largest", "its own bound", "largest / own", "allclose fails"
    for head in heads:
        table.add_column(head, justify="left" if head == "kernel" else "right")
    for row in rows:
        low, *_, high, largest = row.quantiles
        own = [f"{row.own:.3g}", f"{row.nearest:.2g}", f"{row.refused:.2%}"] if row.own else []
        table.add_row(row.name, *(f"{one:.2g}" for one in (row.quantiles[2], high, largest)), *own)
    Console().print(table)
    if arguments.picture:
        from parity.report import plots

        arguments.picture.write_text(plots.shares(rows, "The bound"), encoding="utf-8")
    beyond = [row.name for row in rows if row.nearest is not None and not row.nearest <= 1]
    print(f"beyond its own bound: {', '.join(beyond) or 'none'}")
    return DISAGREEMENT if beyond else AGREEMENT


def measured(case: Case) -> Iterator[Row]:
    """Run the kernels and measure their errors."""
    import npconv
    from parity.oracles import bounds

    x, w = case.arrays()
    arguments = x, w, 1, "SAME"
    exact = bounds.allow(case, x, w, flush=False).value
    plain = npconv.error_bound(*arguments)
    rtol = np.abs(exact) * 1e-5 + 1e-8
    for name, kernel, own in kernels():
        found = kernel(*arguments).astype(np.float64)
        error, allowed = np.abs(found - exact), own(*arguments)
        yield Row(
            name,
            tuple(np.quantile(error / plain, QUANTILES).tolist()),
            float((allowed / plain).mean()),
            float((error / allowed).max()),
            float((error > rtol).mean()),
        )
    yield Row("numpy.allclose's default", tuple(np.quantile(rtol / plain, QUANTILES).tolist()))


def kernels() -> Iterator[tuple[str, Callable[..., Array], Callable[..., Array]]]:
    """Yield names, functions called as conv2d, and what bounds their errors."""
    import tensorflow as tf

    import npconv

    def precision(name: Any) -> dict[str, Callable[..., Array]]:
        return {
            "kernel": lambda *given: npconv.conv2d(*given, precision=name),
            "own": lambda *given: npconv.error_bound(*given, precision=name),
        }

    for name in ("exact", "standard", "fast"):
        both = precision(name)
        yield f"npconv, {name}", both["kernel"], both["own"]
    yield "TensorFlow", lambda *given: tf.nn.conv2d(*given).numpy(), npconv.error_bound
    if find_spec("torch"):
        yield "PyTorch", _torch, npconv.error_bound
    yield "Winograd, F(4, 3) by 0, ±1, ±2", _winograd, _winograd_bound
    yield (
        "float16, sums in float16",
        _half,
        lambda *given: npconv.error_bound(*given, multiply="float16", accumulate="float16"),
    )


def _torch(x: Array, w: Array, *_: Any) -> Array:
    import torch

    images, filters = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).permute(3, 2, 0, 1)
    found: Array = torch.nn.functional.conv2d(images, filters, padding=1).permute(0, 2, 3, 1).numpy()
    return found


def _half(x: Array, w: Array, *_: Any) -> Array:
    """Sum float16 products in float16, tap by tap and channel by channel."""
    x, w = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]).astype(np.float16), w.astype(np.float16)
    rows, columns = x.shape[1] - 2, x.shape[2] - 2
    total = np.zeros((len(x), rows, columns, w.shape[-1]), np.float16)
    for i, j, c in np.ndindex(*w.shape[:3]):
        total += x[:, i : i + rows, j : j + columns, c, np.newaxis] * w[i, j, c]
    return total

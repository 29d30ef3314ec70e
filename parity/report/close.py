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
from numpy.lib.stride_tricks import sliding_window_view
from rich.console import Console
from rich.table import Table

from parity.model import error
from parity.model.case import Array, Case
from parity.model.verdict import AGREEMENT, DISAGREEMENT
from parity.oracles import bounds
from parity.oracles.winograd import matrices
from parity.report import plots
from parity.report.plots import QUANTILES, Spread

LAYER = Case((1, 56, 56, 128), (3, 3, 128, 128), padding="SAME", kind="normal", seed=16)
"""Of the sizes of a net's middle layers, with data as there."""
LAVIN = "winograd:F(4,3):0,±1,±2"


class Row(NamedTuple):
    """A kernel: its errors, the largest error / its own bound, and what allclose would refuse."""

    spread: Spread
    nearest: float | None = None
    refused: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw it")


def run(arguments: argparse.Namespace) -> int:
    """Print the table and write the picture; say whether all lie within their own bounds."""
    rows = list(measured(LAYER))
    table = Table(title=f"error / bound of float32 sums, {LAYER.token()}", box=None)
    heads = (
        "kernel",
        "median",
        "99 %",
        "largest",
        "its own bound",
        "largest / own",
        "allclose fails",
    )
    for head in heads:
        table.add_column(head, justify="left" if head == "kernel" else "right")
    for row in rows:
        name, (*_, median, _, high, largest), own = row.spread
        more = [f"{own:.3g}", f"{row.nearest:.2g}", f"{row.refused:.2%}"] if own else []
        table.add_row(name, *(f"{one:.2g}" for one in (median, high, largest)), *more)
    Console(width=110).print(table)
    if arguments.picture:
        drawn = plots.shares([row.spread for row in rows], "Errors beside their bound")
        arguments.picture.write_text(drawn, encoding="utf-8")
    beyond = [row.spread.name for row in rows if row.nearest is not None and not row.nearest <= 1]
    print(f"beyond its own bound: {', '.join(beyond) or 'none'}")
    return DISAGREEMENT if beyond else AGREEMENT


def measured(case: Case) -> Iterator[Row]:
    """Run the kernels and measure their errors."""
    import npconv

    x, w = case.arrays()
    arguments = x, w, 1, "SAME"
    exact = bounds.allow(case, x, w, flush=False).value
    plain = npconv.error_bound(*arguments)

    def quantiles(shares: Array) -> tuple[float, ...]:
        return tuple(np.quantile(shares, QUANTILES).tolist())

    rtol = np.abs(exact) * 1e-5 + 1e-8
    for name, kernel, own in kernels():
        found = kernel(*arguments).astype(np.float64)
        off, allowed = np.abs(found - exact), own(*arguments)
        yield Row(
            Spread(name, quantiles(off / plain), float((allowed / plain).mean())),
            float((off / allowed).max()),
            float((off > rtol).mean()),
        )
    yield Row(Spread("what numpy.allclose allows", quantiles(rtol / plain)))


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


def _winograd_bound(x: Array, w: Array, *_: Any) -> Array:
    """Return the suite's own bound."""
    return bounds.allow(LAYER, x, w, flush=True, error=error.parse(LAVIN)).bound


def _winograd(x: Array, w: Array, *_: Any) -> Array:
    """Compute tiles of 4 x 4 outputs from 6 x 6 pixels, all in float32."""
    lavin = error.parse(LAVIN)
    assert isinstance(lavin, error.Winograd)
    a, b, g = (np.array(one, np.float32) for one in matrices(lavin))  # (6, 4), (6, 6), (6, 3)
    x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    tiles = sliding_window_view(x, (6, 6), (1, 2))[:, ::4, ::4]  # (N, rows, columns, C, 6, 6)
    seen = np.einsum("pi,qj,nhwcpq->ijnhwc", b, b, tiles, optimize=True)
    taps = np.einsum("ip,jq,pqco->ijco", g, g, w, optimize=True)
    products = seen.reshape(6, 6, -1, x.shape[-1]) @ taps  # (6, 6, tiles, OC)
    products = products.reshape(*seen.shape[:-1], -1)
    found = np.einsum("pi,qj,pqnhwo->nhiwjo", a, a, products, optimize=True)
    whole: Array = found.reshape(len(x), 4 * tiles.shape[1], -1, w.shape[-1])
    return whole


def _torch(x: Array, w: Array, *_: Any) -> Array:
    import torch

    images, filters = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).permute(3, 2, 0, 1)
    found: Array = (
        torch.nn.functional.conv2d(images, filters, padding=1).permute(0, 2, 3, 1).numpy()
    )
    return found


def _half(x: Array, w: Array, *_: Any) -> Array:
    """Sum float16 products in float16, tap by tap and channel by channel."""
    x, w = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]).astype(np.float16), w.astype(np.float16)
    rows, columns = x.shape[1] - 2, x.shape[2] - 2
    total = np.zeros((len(x), rows, columns, w.shape[-1]), np.float16)
    for i, j, c in np.ndindex(*w.shape[:3]):
        total += x[:, i : i + rows, j : j + columns, c, np.newaxis] * w[i, j, c]
    return total

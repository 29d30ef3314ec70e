"""Folders of golden vectors for tests, and kernels that are held against them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

import npconv
from parity.__main__ import main
from parity.model.case import Array
from parity.vectors import manifest
from parity.vectors.manifest import Manifest, Vector

HERE = "parity.tests.vectors.exported"


def export(folder: Path, *options: str) -> Path:
    """Export into `folder`, which is returned."""
    assert main(["export", str(folder), *options]) == 0
    return folder


def read(folder: Path) -> tuple[Manifest, list[tuple[Vector, list[Array]]]]:
    """Return the manifest and the arrays of each case."""
    found = manifest.read(folder)
    return found, [
        (one, [manifest.array(folder, found.form, tensor) for tensor in one.tensors])
        for one in found.cases
    ]


def leave(folder: Path, outputs: Path) -> Path:
    """Leave the outputs of all cases in `outputs`."""
    outputs.mkdir(exist_ok=True)
    for vector, (*_, output, _) in read(folder)[1]:
        np.save(outputs / f"{vector.name}.npy", output)
    return outputs


def flipped(input: Any, filters: Any, *arguments: Any, **named: Any) -> Any:
    return npconv.conv2d(input, filters[::-1], *arguments, **named)


def refusing(input: Any, *arguments: Any, **named: Any) -> Any:
    if input.dtype == np.float64:
        raise NotImplementedError("float64")
    return npconv.conv2d(input, *arguments, **named)


def dying(*arguments: Any, **named: Any) -> Any:
    os._exit(3)

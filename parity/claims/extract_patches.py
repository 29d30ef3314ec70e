"""npconv.extract_patches gives tf.image.extract_patches, bit for bit."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from parity.claims.claim import Claim, Told
from parity.examples.strategies import of_kinds
from parity.model.case import Case, Conv2d
from parity.model.subject import DTYPES
from parity.oracles import eigen
from parity.oracles.compare import assert_exact, explain
from parity.oracles.eigen import verdict

Mode = Literal["SAME", "VALID"]


def arguments(case: Case) -> tuple[list[int], list[int], list[int], Mode]:
    """Return sizes, strides, rates and padding; explicit pads have no equal here."""
    rows, columns = case.filters_shape[:2]
    padding: Mode = "VALID" if case.padding == "VALID" else "SAME"
    return [1, rows, columns, 1], [1, *case.strides, 1], [1, *case.dilations, 1], padding


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare the two on the case's input, folded to rank 4 and taken as NHWC."""
    del conv2d  # the claim is about npconv's second step
    import npconv

    images, _ = case.arrays()
    images = images.reshape(-1 if images.size else 0, *images.shape[-3:])
    results: list[Any] = []
    theirs = verdict(lambda: results.append(eigen.extract_patches(images, *arguments(case))))
    if theirs != "ok":  # NHWC was NCHW: the kernel may be too long for the image
        try:
            npconv.extract_patches(images, *arguments(case))
        except ValueError as error:
            if "sizes" in str(error):
                return Told(0, 0, classes=("refused",))
        raise AssertionError(f"a kernel too long for the image is not refused\n{explain(case)}")
    assert_exact(
        case=case,
        got=npconv.extract_patches(images, *arguments(case)),
        expected=results[0],
        names=("npconv.extract_patches", "tf.image.extract_patches"),
    )
    return Told(results[0].size, int(np.count_nonzero(results[0])))


CLAIM = Claim(
    name="extract_patches",
    operations=("conv2d",),
    statement="Step 2 on its own: bit for bit tf.image.extract_patches.",
    dtypes=DTYPES,
    strategy=of_kinds("lattice", "special"),
    check=check,
    examples=500,
    telling=10,
)

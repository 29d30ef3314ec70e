"""Claim: npconv.extract_patches gives tf.image.extract_patches, bit for bit."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import npconv
from parity.oracles import eigen as tensorflow_oracle
from parity.oracles.eigen import verdict

IMAGES = np.ones((1, 4, 5, 2), np.float32)
ONE = [1, 1, 1, 1]
TWO = [1, 2, 2, 1]
# images, sizes, strides, rates, padding
REFUSED: dict[str, tuple[Any, ...]] = {
    "rank 3": (IMAGES[0], TWO, ONE, ONE, "SAME"),
    "rank 5": (IMAGES[None], TWO, ONE, ONE, "SAME"),
    "sizes of length 2": (IMAGES, [2, 2], ONE, ONE, "SAME"),
    "strides of length 2": (IMAGES, TWO, [1, 1], ONE, "SAME"),
    "rates of length 3": (IMAGES, TWO, ONE, [1, 1, 1], "SAME"),
    "int sizes": (IMAGES, 2, ONE, ONE, "SAME"),
    "int strides": (IMAGES, TWO, 1, ONE, "SAME"),
    "no strides": (IMAGES, TWO, None, ONE, "SAME"),
    "sizes of the batch": (IMAGES, [2, 2, 2, 1], ONE, ONE, "SAME"),
    "sizes of the channels": (IMAGES, [1, 2, 2, 2], ONE, ONE, "SAME"),
    "strides of the batch": (IMAGES, TWO, [2, 1, 1, 1], ONE, "SAME"),
    "rates of the channels": (IMAGES, TWO, ONE, [1, 1, 1, 2], "SAME"),
    "size 0": (IMAGES, [1, 0, 2, 1], ONE, ONE, "SAME"),
    "size -1": (IMAGES, [1, 2, -1, 1], ONE, ONE, "SAME"),
    "stride 0": (IMAGES, TWO, [1, 0, 1, 1], ONE, "SAME"),
    "rate 0": (IMAGES, TWO, ONE, [1, 1, 0, 1], "SAME"),
    "stride beyond int32": (IMAGES, TWO, [1, 2**31, 1, 1], ONE, "SAME"),
    "rate beyond int32": (IMAGES, TWO, ONE, [1, 2**31, 1, 1], "SAME"),
    "str size": (IMAGES, [1, "2", 2, 1], ONE, ONE, "SAME"),
    "lower case": (IMAGES, TWO, ONE, ONE, "same"),
    "EXPLICIT": (IMAGES, TWO, ONE, ONE, "EXPLICIT"),
    "explicit": (IMAGES, TWO, ONE, ONE, [[0, 0], [1, 1], [1, 1], [0, 0]]),
    "no padding": (IMAGES, TWO, ONE, ONE, None),
    "negative output": (IMAGES, [1, 6, 2, 1], ONE, ONE, "VALID"),
    "no rows": (IMAGES[:, :0], TWO, ONE, ONE, "VALID"),
    "bool images": (IMAGES.astype(bool), TWO, ONE, ONE, "SAME"),
    "no images": (None, TWO, ONE, ONE, "SAME"),
}
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "tuples": (IMAGES, tuple(TWO), tuple(ONE), tuple(ONE), "SAME"),
    "bytes": (IMAGES, TWO, ONE, ONE, b"SAME"),
    "big-endian": (IMAGES.astype(">f4"), TWO, ONE, ONE, "SAME"),
    "bfloat16": (IMAGES.astype(ml_dtypes.bfloat16), TWO, ONE, ONE, "SAME"),
    "empty output": (IMAGES, [1, 5, 2, 1], ONE, ONE, "VALID"),
    "longer than the image": (IMAGES, [1, 9, 9, 1], ONE, ONE, "SAME"),
    "no batch": (IMAGES[:0], TWO, ONE, ONE, "VALID"),
    "no channels": (IMAGES[..., :0], TWO, ONE, ONE, "VALID"),
    "no rows": (IMAGES[:, :0], TWO, ONE, ONE, "SAME"),
    "huge rate": (IMAGES, TWO, ONE, [1, 2**31 - 1, 1, 1], "SAME"),
    "huge stride": (IMAGES, TWO, [1, 2**31 - 1, 2, 1], ONE, "VALID"),
    "NumPy ints": (IMAGES, [np.int8(1), np.int64(2), 1, True], ONE, ONE, "SAME"),
}


@pytest.mark.parametrize("label", REFUSED)
def test_both_refuse(label: str) -> None:
    assert verdict(lambda: tensorflow_oracle.extract_patches(*REFUSED[label])) != "ok"
    with pytest.raises((ValueError, TypeError), match=r"images|sizes|strides|rates|padding"):
        npconv.extract_patches(*REFUSED[label])


@pytest.mark.parametrize("label", ACCEPTED)
def test_both_accept(label: str) -> None:
    theirs = tensorflow_oracle.extract_patches(*ACCEPTED[label])
    ours = npconv.extract_patches(*ACCEPTED[label])
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    np.testing.assert_array_equal(ours, theirs, strict=True)

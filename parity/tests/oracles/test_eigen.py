"""What is taken from TensorFlow without oneDNN, and what is not."""

from __future__ import annotations

import numpy as np

from parity.model.case import Case
from parity.oracles import bounds, eigen


def test_what_tensorflow_multiplies_by_zeros_of_its_own_is_no_oracle() -> None:
    case = Case.parse(
        "conv3d_transpose float16 NCDHW 1x2x5x7x9 w3x7x7x2x1 s1,1,1 d1,1,1 SAME special:1754096918"
    )
    arrays = case.arrays()
    allowed = bounds.allow(case, *arrays, flush=True, narrow=True)
    assert (np.isnan(eigen.computed(case, *arrays)) & allowed.finite).any()
    assert eigen.multiplies_zeros(case, *arrays)
    assert not eigen.multiplies_zeros(case, arrays[0], np.ones_like(arrays[1]))

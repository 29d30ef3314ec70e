"""Runs of neighbours are copied as one element each, wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npconv._engine import casting as copying

SHAPE = (5, 6, 7, 8, 9)  # 15,120 elements, more than are worth a thought


@st.composite
def views(draw, dtype):
    """An array of `SHAPE`: axes in any order, apart, reversed or repeated."""
    order = draw(st.permutations(range(len(SHAPE))))
    apart = draw(st.lists(st.sampled_from([1, 1, 1, 2]), min_size=5, max_size=5))
    back = draw(st.lists(st.sampled_from([1, 1, 1, -1]), min_size=5, max_size=5))
    place = [SHAPE[axis] * apart[axis] for axis in order]
    base = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 255, (*place, dtype.itemsize))
    array = base.astype(np.uint8).view(dtype)[..., 0].transpose(np.argsort(order))
    array = array[tuple(slice(None, None, a * b) for a, b in zip(apart, back, strict=True))]
    if draw(st.booleans()):
        axis = draw(st.integers(0, 4))
        array = np.broadcast_to(np.take(array, [0], axis), SHAPE)
    return array


@pytest.mark.parametrize("name", ["f2", "f4", "f8", ">i4"])
@given(data=st.data())
def test_any_views(name, data):
    dtype = np.dtype(name)
    source = data.draw(views(dtype))
    target = data.draw(views(dtype).filter(lambda one: one.flags.writeable))
    copying.copy(source, target)
    assert target.tobytes() == source.tobytes()


def test_short_runs_are_one_element(monkeypatch):
    seen = []
    monkeypatch.setattr(np, "copyto", lambda target, source: seen.append((target, source)))
    source, target = np.zeros((64, 32, 3, 4), "f4"), np.zeros((32, 64, 3, 4), "f4")
    copying.copy(source.transpose(1, 0, 2, 3), target)
    copying.copy(source[:8].transpose(1, 0, 2, 3), target[:, :8])  # too few
    copying.copy(source.transpose(1, 0, 3, 2), target.transpose(0, 1, 3, 2))  # no runs
    copying.copy(source, source.copy())  # a single one
    assert [(one.shape, one.dtype) for one, _ in seen] == [
        ((32, 64), np.dtype("V48")),
        ((32, 8, 3, 4), np.dtype("f4")),
        ((32, 64, 4, 3), np.dtype("f4")),
        ((64, 32, 3, 4), np.dtype("f4")),
    ]

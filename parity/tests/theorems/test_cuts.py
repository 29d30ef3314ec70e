"""What the step of an induction over axes comes to: runs and tiles of boxes of any rank."""

from __future__ import annotations

from math import prod

import numpy as np

from npconv._engine import plan


def test_runs_are_consecutive_rows_whatever_the_rank() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        rank = int(random.integers(0, 5))
        sizes = tuple(int(one) for one in random.integers(1, 6, rank))
        count = int(random.integers(-1, 2 * prod(sizes) + 2))
        rows = np.arange(prod(sizes)).reshape(sizes)
        runs = list(plan.runs(sizes, count))
        read = [rows[tuple(slice(*one) for one in run)] for run in runs]
        assert np.array_equal(np.concatenate([one.ravel() for one in read]), rows.ravel())
        assert np.array_equal(np.max([one.shape for one in read], 0), plan.largest(sizes, count))
        cut = list(plan.tiles(sizes, 6, 3, count, 2))
        assert [tile.outputs for tile in cut] == [*runs, *runs]
        for tile, own in zip(cut, [*read, *read], strict=True):
            assert np.array_equal(own.ravel(), np.arange(tile.start, tile.stop))
        assert sorted({tile.channels for tile in cut}) == [(0, 2), (2, 6)]

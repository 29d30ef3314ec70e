"""The claim about npconv.error_bound finds one that is too small, or too large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import npconv
from parity.claims import error_bound, tally
from parity.model.case import Array
from parity.model.subject import Scope
from parity.search.explore import Disagreement, explore

EXAMPLES = 40


def explored(scope: Scope, dtype: str, examples: int = EXAMPLES) -> tally.Count:
    count = tally.Count("error_bound", dtype, operation=scope.operation)
    function = getattr(npconv, scope.operation)
    explore(
        error_bound.CLAIM, dtype, function, scope, count, examples=examples, start=1, shrink=False
    )
    return count


def planted(change: Callable[[Array, Any], Array]) -> Callable[..., Array]:
    whole = npconv.error_bound

    def changed(*arguments: Any, **named: Any) -> Array:
        bound: Array = change(whole(*arguments, **named), arguments)
        return bound

    return changed


def without_underflow(bound: Array, arguments: Any) -> Array:
    """Take n t away, as if nothing were flushed."""
    least = [float(np.finfo(one.dtype).tiny) for one in arguments if hasattr(one, "dtype")]
    count = arguments[2].size // max(1, arguments[2].shape[-1])
    rest: Array = np.maximum(bound - count * min(least), 0)
    return rest


FAULTS: dict[str, Callable[[Array, Any], Array]] = {
    "half": lambda bound, _: bound / 2,
    "of fewer terms": lambda bound, _: bound * 0.99,
    "without underflow": without_underflow,
    "twice": lambda bound, _: bound * 2,
    "everything allowed": lambda bound, _: np.full_like(bound, np.inf),
    "numbers for NaN": lambda bound, _: np.nan_to_num(bound, nan=1.0, posinf=np.inf),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("operation", ["conv2d", "conv3d", "conv2d_backprop_filter"])
def test_wrong_bounds_are_found(name: str, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npconv, "error_bound", planted(FAULTS[name]))
    with pytest.raises(Disagreement):
        explored(Scope(operation=operation, subject=f"npconv:{operation}"), "float32", 100)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_results_beyond_it_are_found(dtype: str) -> None:
    def wrong(*arguments: Any, precision: Any, **named: Any) -> Array:
        result = npconv.conv2d(*arguments, precision=precision, **named)
        if result.size and precision == "fast":
            at = np.unravel_index(np.abs(result.astype(np.float64)).argmax(), result.shape)
            bound = npconv.error_bound(*arguments, **named)[at]
            result[at] = np.float64(result[at]) + 2.02 * bound if np.isfinite(bound) else result[at]
        return result

    count = tally.Count("error_bound", dtype)
    with pytest.raises(Disagreement, match="npconv fast"):
        explore(error_bound.CLAIM, dtype, wrong, Scope(), count, examples=60, start=1, shrink=False)


def test_the_largest_ratios_are_kept() -> None:
    count = explored(Scope(), "float32")
    assert {"npconv standard", "npconv fast", "npconv exact", "TensorFlow"} <= count.largest.keys()
    assert 0.3 < count.largest["npconv standard"][0] <= 1

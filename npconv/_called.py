"""A call that is spoken about, of conv2d or another function of the family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from npconv._arguments import Checked, read_alike, read_array, read_arrays, read_dtype
from npconv._attributes import Array
from npconv._checking import check_call
from npconv._explain import which
from npconv._operation import Operation


class Called(NamedTuple):
    """A call that is spoken about, arguments by their names, its arrays of the result's dtype."""

    function: Any
    operation: Operation
    given: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """What its arrays are called."""
        third = "pointwise_filter"
        return [*self.operation.arrays, *([third] if third in self.given else [])]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its result."""
        return self.given[self.names[0]].dtype  # type: ignore[no-any-return]

    def cast(self, dtype: DTypeLike) -> Called:
        """Return the call of the same arrays in another dtype."""
        with np.errstate(all="ignore"):
            arrays = {name: self.given[name].astype(dtype, copy=False) for name in self.names}
        return self._replace(given={**self.given, **arrays})


def read(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Called:
    """Read the arguments of ``conv2d``, or a function of its family and then its arguments."""
    function, operation, arguments = which(arguments)
    bound = signature(function).bind(*arguments, **named)
    bound.apply_defaults()
    call = Called(function, operation, {**bound.arguments, "out": None, "precision": "standard"})
    arrays = {name: call.given[name] for name in call.names}
    for name, value in arrays.items():
        if not isinstance(value, (list, tuple)):
            array = read_array(name, value)
            short = array.dtype.kind in "iu" and array.dtype.itemsize < 4
            arrays[name] = array.astype(np.int32) if short else array
    alike = read_alike(**arrays) if operation.alike else read_arrays(operation, arrays)
    call.given.update(zip(arrays, alike, strict=True))
    checked(operation, call.given, alike)
    return call.cast(read_dtype(call.names[0], call.dtype))


def checked(operation: Operation, given: Mapping[str, Any], arrays: Sequence[Array]) -> Checked:
    """Check a call of these arrays."""
    first, second, *_ = ((one.shape, one.dtype) for one in arrays)
    return check_call(operation, given, first, second)

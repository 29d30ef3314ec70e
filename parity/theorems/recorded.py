"""What proven functions see in place of arrays: shapes and strides, and what is done with them."""

from __future__ import annotations

from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from parity.theorems.symbolic import both


class Steps:
    """How far apart elements lie: so many times each stride of an array, whatever these are."""

    def __init__(self, *times: Any) -> None:
        self.times = times

    def __add__(self, other: Steps | int) -> Steps:
        pairs = zip_longest(
            self.times, other.times if isinstance(other, Steps) else (), fillvalue=0
        )
        return Steps(*(one + more for one, more in pairs))

    __radd__ = __add__

    def __mul__(self, by: Any) -> Steps:
        return Steps(*(one * by for one in self.times))

    __rmul__ = __mul__

    def equals(self, other: Steps) -> Any:
        """State that both are one, for any strides."""
        pairs = zip_longest(self.times, other.times, fillvalue=0)
        return both(*(one == another for one, another in pairs))


class Recorded:
    """An array of which shape and strides are known, and what is written to it."""

    dtype = None

    def __init__(self, shape: tuple[Any, ...], strides: tuple[Any, ...] = ()) -> None:
        self.shape = shape
        self.strides = strides or tuple(
            Steps(*(int(i == j) for j in range(len(shape)))) for i in range(len(shape))
        )
        self.index: Any = None
        self.offset = Steps()
        self.written: Recorded | None = None

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: Any) -> Recorded:
        part = Recorded(())
        part.index = index
        return part

    def __setitem__(self, index: Any, value: Any) -> None:
        self.written = value

    def reshape(self, *shape: Any) -> Recorded:
        """Return the same in another shape, of which the strides are other ones."""
        other = Recorded(shape)
        other.index = self.index
        return other

    def place(self, *index: Any) -> Steps:
        """Return where an element lies."""
        pairs = zip(index, self.strides, strict=True)
        return sum((step * i for i, step in pairs), start=self.offset)


def view(shape: Any, dtype: Any, array: Recorded, offset: Any, strides: Any) -> Recorded:
    """Stand for ``np.ndarray`` as it makes a view of an array."""
    view = Recorded(shape, strides)
    view.offset += offset
    return view


NUMPY = SimpleNamespace(ndarray=view)
"""What a module that makes views has in place of NumPy."""

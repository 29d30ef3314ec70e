"""A call whose result is wrong, and the same call with something changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from npconv._attributes import Array, read_attributes, show_pads
from npconv._bounds import Known
from npconv._called import Called, checked
from npconv._geometry import Axis, Geometry
from npconv._operation import FORMATS
from npconv.testing._judged import judged

Change = Callable[[Array], Array]


class Suspect(NamedTuple):
    """A call with channels last and one batch, what came of it, and what should have."""

    call: Called
    formats: Mapping[str, Any]
    geometry: Geometry
    found: Array
    right: Known
    last: bool  # whether channels were last in the first place

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Its spatial axes."""
        return self.geometry.axes

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that are given, by what they are of the convolution."""
        operation, given = self.call.operation, self.call.given
        roles = (one for one in ("input", "filters", "output") if one != operation.gives)
        return {role: given[name] for role, name in zip(roles, operation.arrays, strict=True)}

    @property
    def largest(self) -> int:
        """Where the largest value should be, counted along all axes."""
        return int(np.argmax(np.abs(self.right.value)))

    @property
    def factor(self) -> float:
        """By what it was multiplied, if it has the right shape."""
        if self.found.shape != self.right.value.shape:
            return np.nan
        return float(self.found.flat[self.largest] / self.right.value.flat[self.largest])

    def changed(
        self, roles: str, change: Change, back: Change | None = None, **attributes: Any
    ) -> Known:
        """Return what it gives where arrays are seen in another way, or attributes are others.

        Arrays that are given are changed, the result is put `back`.
        """
        operation, given = self.call.operation, dict(self.call.given)
        for name, value in attributes.items():
            given[getattr(operation, name, name)] = value
        for (role, array), name in zip(self.arrays.items(), operation.arrays, strict=True):
            if role in roles.split():
                given[name] = change(array)
        known = judged(self.call._replace(given=given), self.formats)
        if operation.gives in roles.split():
            return Known(*map(back or change, known))
        return known

    def given(self, **attributes: Any) -> Known:
        """Return what it gives with other attributes."""
        return self.changed("", np.copy, **attributes)

    def padded(self, pads: list[tuple[int, int]]) -> Known:
        """Return what it gives with other pads."""
        return self.given(padding=show_pads(pads, FORMATS[len(self.axes)][0]))


def laid(found: Array, right: Known, call: Called, formats: Mapping[str, Any]) -> Suspect:
    """Lay a call and its result out with channels last and one batch."""
    operation, given = call.operation, dict(call.given)
    filters = right.value if operation.gives == "filters" else given[operation.filters]
    operation = operation.of(filters.shape)
    steps, pads, layout, spacing = read_attributes(operation, *operation.attributes(given))
    last, rank = layout.endswith("C"), operation.axes + 2

    def images(array: Array) -> Array:
        array = array if last else np.moveaxis(array, 1 - rank, -1)
        return array.reshape(-1, *array.shape[1 - rank :])

    for name in operation.arrays:
        if name != operation.filters or operation.gives == "filters":
            given[name] = images(given[name])
    if operation.gives != "filters":
        found, right = images(found), Known(*map(images, right))
    order = FORMATS[operation.axes][0]
    attributes = {
        "data_format": order,
        "padding": pads if isinstance(pads, str) else show_pads(pads, order),
        operation.strides: steps,
        operation.dilations: spacing,
    }
    given |= {name: value for name, value in attributes.items() if name in given}
    if operation.gives != "output":
        given[operation.sizes] = right.value.shape
    geometry = checked(operation, given, [given[name] for name in operation.arrays])[1]
    call = call._replace(operation=operation, given=given)
    return Suspect(call, formats, geometry, found, right, last)

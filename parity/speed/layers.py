"""Layers as data: one line describes a convolution, and its token runs it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from parity.model.case import Case
from parity.model.geometry import Geometry

_FOLDER = Path(__file__).parent / "layers"


@dataclass(frozen=True)
class Layer:
    """One convolution to be timed.

    Attributes
    ----------
    net, name, count
        The set it belongs to, what it is called, how often the net runs it.
    case
        The call and its data; ``case.token()`` re-runs the row.
    beside
        Names of contenders of its own, see `parity.speed.beside`.
    """

    net: str
    name: str
    count: int
    case: Case
    beside: tuple[str, ...] = ()

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one call, those with the padding included."""
        return self.case.products


def parse(
    token: str, *, net: str = "row", name: str = "", count: int = 1, beside: tuple[str, ...] = ()
) -> Layer:
    """Read a case's token as a layer.

    Raises
    ------
    ValueError
        If the line is not a token, or its output is empty or its channels do not fit.

    Examples
    --------
    >>> parse("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:0").multiply_adds
    1350
    """
    case = Case.parse(token)
    if min(*case.input_shape, *case.filters_shape, *case.strides, *case.dilations) < 1:
        raise ValueError(f"a layer has no sizes below 1: {token!r}")
    it = Geometry.of(case)
    groups = it.channels if case.of.depthwise else it.channels / case.filters_shape[-2]
    if case.of.depthwise and case.filters_shape[-2] != it.channels:
        raise ValueError(f"the filters are those of other channels: {token!r}")
    if groups != it.groups or it.filters % it.groups:
        raise ValueError(f"the channels do not divide into groups: {token!r}")
    if min(it.outputs) < 1:
        raise ValueError(f"the output is empty: {token!r}")
    named = case.operation != "conv2d"
    return Layer(net, name or " ".join(token.split()[2 + named : 4 + named]), count, case, beside)


def altered(layer: Layer, *, dtype: str | None = None, batch: int | None = None) -> Layer:
    """Return a layer in another dtype or with another batch; its data are drawn anew.

    Examples
    --------
    >>> layer = parse("float32 NHWC 1x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:0")
    >>> altered(layer, dtype="int32", batch=8).case.token()
    'int32 NHWC 8x5x5x3 w3x3x3x2 s1,1 d1,1 SAME normal:0'
    """
    case = layer.case
    first = case.input_shape[0] if batch is None else batch
    shape = (first, *case.input_shape[1:])
    return replace(layer, case=replace(case, dtype=dtype or case.dtype, input_shape=shape))


def available() -> list[str]:
    """Return the names of the layer sets."""
    return sorted(path.stem for path in _FOLDER.glob("*.txt"))


def read(net: str) -> list[Layer]:
    """Read a set: lines of count, name, token and, if any, names of contenders, parted by bars.

    ``#`` begins a comment.

    Raises
    ------
    ValueError
        If there is no such set, or a line of it cannot be read.
    """
    path = _FOLDER / f"{net}.txt"
    if not path.is_file():
        raise ValueError(f"no layer set {net!r}; there are {', '.join(available())}")
    layers = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            count, name, token, *others = map(str.strip, line.split("|"))
            beside = tuple(other.strip() for one in others for other in one.split(","))
            layers.append(parse(token, net=net, name=name, count=int(count), beside=beside))
    return layers


def every() -> list[Layer]:
    """Return the conv2d layers of all sets that have no contenders of their own, each once."""
    found = [layer for net in available() for layer in read(net) if not layer.beside]
    once = {layer.case: layer for layer in found if layer.case.operation == "conv2d"}
    return list(once.values())

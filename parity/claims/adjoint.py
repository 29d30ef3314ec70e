"""A convolution and its two gradients are one form: <conv(x, w), y> = <x, dx> = <w, dw>.

On whole numbers every element is exact, and so is each of the three sums, in Python's integers.
TensorFlow is not asked, nor the suite's own sums of products; strides and dilations go to 4, which
TensorFlow's gradients do not.  A convolution is also one of another function: a depthwise one has
groups, one axis is two with a single row, two are three with a single plane.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
from hypothesis.strategies import SearchStrategy

from parity.claims.check import Subject, scope_of
from parity.claims.claim import Claim, Told
from parity.examples.strategies import Dials, built, paddings, with_outputs
from parity.model.axis import Axis
from parity.model.case import DTYPES as NUMBERS
from parity.model.case import Array, Case, Conv2d
from parity.model.geometry import Geometry
from parity.model.operation import OPERATIONS
from parity.model.subject import DTYPES, Scope, load
from parity.model.verdict import WrongCall
from parity.oracles.compare import assert_exact, explain

GRADIENTS: dict[str, tuple[str, ...]] = {
    "conv1d": ("conv1d_transpose",),
    "conv2d": ("conv2d_backprop_input", "conv2d_backprop_filter"),
    "conv3d": ("conv3d_backprop_input", "conv3d_backprop_filter"),
    "depthwise_conv2d": ("depthwise_conv2d_backprop_input", "depthwise_conv2d_backprop_filter"),
    "atrous_conv2d": ("atrous_conv2d_transpose",),
}
ANOTHER: dict[str, tuple[str, ...]] = {
    "conv1d": ("conv2d",),
    "conv2d": ("conv3d",),
    "depthwise_conv2d": ("conv2d",),
    "atrous_conv2d": ("conv2d",),
}
"""Operations, each of which is the other with more groups, another axis or another spelling."""
BYTES = 50
_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53, "int32": 31}


def siblings(scope: Scope, names: Mapping[str, tuple[str, ...]] = GRADIENTS) -> dict[str, Subject]:
    """Return the gradients of the scope's operation, or what `names` has, of the same module."""
    module, found = scope.subject.partition(":")[0], {}
    for name in names.get(scope.operation, ()):
        with suppress(WrongCall):
            function = load(f"{module}:{name}")
            found[name] = Subject(function, replace(scope, operation=name))
    return found


def strategy(dtype: str, scope: Scope) -> SearchStrategy[Case]:
    """Draw small convolutions, of every stride and dilation up to 4."""
    return built(BYTES, lambda dials: assembled(dials, dtype, scope))


def assembled(dials: Dials, dtype: str, scope: Scope) -> Case:
    """Return the case that `BYTES` dials say."""
    of = scope.of
    padding, number = dials.pick(paddings(scope)), dials.pick((1, 1, 2, 3))
    groups = number if of.depthwise or scope.has("groups") else 1
    depth, filters = 1 + dials.below(2), 1 + dials.below(2)
    batch, data_format = 1 + dials.below(2) * scope.has("batches"), dials.pick(scope.formats)
    axes = tuple(_axis(dials, padding, scope) for _ in range(of.axes))
    depth = 1 if of.depthwise else depth
    if not scope.has("unequal strides"):
        axes = tuple(axis._replace(stride=axes[0].stride) for axis in axes)
    strides, dilations = zip(*((axis.stride, axis.dilation) for axis in axes), strict=True)
    apart = of.interleaves(strides, dilations)
    axes = tuple(with_outputs(axis, padding, interleaved=apart) for axis in axes)
    whole = Geometry((batch,), axes, groups * depth, depth, groups * filters)
    return whole.case(padding, data_format, of.name, dtype=dtype, seed=dials.seed())


def _axis(dials: Dials, padding: str, scope: Scope) -> Axis:
    stride, dilation = (
        1 + dials.below(4) * scope.has(feature) for feature in ("strides", "dilations")
    )
    axis = Axis(0, 1 + dials.below(3), stride, dilation)
    spare, before, after = dials.below(6), dials.below(4), dials.below(4)
    if padding != "explicit":
        before = after = 0
    size = 1 + spare if padding == "SAME" else max(1, axis.reach + spare - before - after)
    return axis._replace(size=size, before=before, after=after)


def check(case: Case, conv2d: Conv2d) -> Told:
    """Compare the three forms, and functions with one another."""
    scope = scope_of(conv2d)
    gradients = siblings(scope)
    parts = [case, *(replace(case, operation=name) for name in gradients)]
    terms = max(part.terms for part in parts)
    x, w, y = _drawn(case, (*case.shapes, case.output_shape), terms)
    output = case.call_on(conv2d, x, w)
    forms = {case.operation: _inner(output, y)}
    for part in parts[1:]:
        given, other = ((y, w), x) if part.of.gives == "input" else ((x, y), w)
        found = part.call_on(gradients[part.operation], *given)
        forms[part.operation] = _inner(found, other)
    if len({*forms.values()}) > 1:
        raise AssertionError(f"the adjoint law does not hold: {forms}\n{explain(case)}")
    laws = ["law: adjoint"]
    apart = case.of.interleaves(case.strides, case.dilations)  # no other operation does
    for name, function in ({} if apart else siblings(scope, ANOTHER)).items():
        another = as_another(case)
        given = x.reshape(another.input_shape), w.reshape(another.filters_shape)
        got = another.call_on(function, *given).reshape(output.shape)
        assert_exact(case=case, got=got, expected=output, names=(f"as {name}", "the operation"))
        laws.append(f"law: as {name}")
    return Told(y.size, int(np.count_nonzero(y)), classes=tuple(laws))


def as_another(case: Case) -> Case:
    """Return a case as one of the operation that `ANOTHER` names."""
    it, (name,) = Geometry.of(case), ANOTHER[case.operation]
    whole = it._replace(axes=(Axis(1),) * (OPERATIONS[name].axes - len(it.axes)) + it.axes)
    padding = case.padding if isinstance(case.padding, str) else "explicit"
    return whole.case(padding, case.data_format, name, dtype=case.dtype)


def _drawn(case: Case, shapes: Iterable[tuple[int, ...]], terms: int) -> Iterator[Array]:
    """Draw integers so small, and if they are 1 so few, that no two arrays' sums are rounded.

    With n products of two of them |sum| <= n most**2, and no more than there are non-zero elements.
    """
    rng, limit = np.random.default_rng(case.seed), 2 ** _BITS[case.dtype]
    most = min(math.isqrt(limit // max(1, terms)), 2**20) or 1
    for shape in shapes:
        drawn = rng.integers(-most, most, shape, endpoint=True)
        if terms > limit:
            drawn.reshape(-1)[limit:] = 0
        yield drawn.astype(NUMBERS[case.dtype])


def _inner(one: Array, other: Array) -> int:
    """Return the exact sum of products of integers, modulo 2**32 for int32."""
    if one.shape != other.shape:
        raise AssertionError(f"a result has shape {one.shape}, not {other.shape}")
    products = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
    total = sum(int(a) * int(b) for a, b in products)
    return total % 2**32 if one.dtype == np.int32 else total


CLAIM = Claim(
    name="adjoint",
    statement="A convolution and its gradients are one bilinear form, on whole numbers.",
    dtypes=DTYPES,
    strategy=strategy,
    check=check,
    examples=800,
    others=1,
    telling=3,
    classes=lambda case: (case.dtype, case.data_format),
    minima=lambda scope: (
        {"law: adjoint": 1.0} | {f"law: as {name}": 0.04 for name in siblings(scope, ANOTHER)}
    ),
    operations=tuple(GRADIENTS),
)

"""What the suite holds a subject to, one claim a file."""

from __future__ import annotations

import re

from parity.claims import (
    accept_reject,
    adjoint,
    bounded,
    default_build,
    error_bound,
    exact,
    extract_patches,
    fast,
    halves,
    large,
    layers,
    layouts,
    metamorphic,
    rounded,
    special,
)
from parity.claims.claim import Claim, Example
from parity.examples import corners, scoped
from parity.model.call import Call
from parity.model.case import Case
from parity.model.geometry import Geometry
from parity.model.subject import Scope
from parity.model.verdict import WrongCall
from parity.model.written import within_memory

WORK = 2**27
"""Products that a case may ask for: some seconds of exact sums."""

CLAIMS: dict[str, Claim] = {
    module.CLAIM.name: module.CLAIM
    for module in (
        exact,
        layers,
        accept_reject,
        bounded,
        special,
        layouts,
        metamorphic,
        adjoint,
        large,
        halves,
        extract_patches,
        fast,
        error_bound,
        rounded,
        default_build,
    )
}
"""Every claim by its name, those that find most faults soonest first."""
OF_NPCONV = ("extract_patches", "fast", "error_bound", "rounded")
"""Claims about functions of npconv's that no other subject has."""


def chosen(scope: Scope) -> list[Claim]:
    """Return the claims of `scope`, for npconv those about what it alone has as well.

    WrongCall tells a name that is none.
    """
    unknown = [name for name in scope.claims if name not in CLAIMS]
    if unknown:
        raise WrongCall(f"--claims: allowed are {', '.join(CLAIMS)}, received {unknown[0]!r}")
    return [
        claim
        for name, claim in CLAIMS.items()
        if (name in scope.claims or not scope.claims)
        and scope.operation in claim.operations
        and (name not in OF_NPCONV or scope.is_npconv)
        and (claim is not adjoint.CLAIM or adjoint.siblings(scope))
        and set(claim.dtypes) & {*scope.dtypes, "all"}
    ]


def asked(scope: Scope) -> list[Claim]:
    """Return the claims of `scope`; WrongCall tells that there are none to compare by."""
    found = chosen(scope)
    if not found:
        raise WrongCall(f"the options admit no claim ({scope}): nothing would be compared")
    return found


def parse(token: str) -> Example:
    """Return the example that `token` names.

    Raises
    ------
    ValueError
        If it is none, too large, or a case that TensorFlow refuses: that is an example as a call.
    """
    if re.match(r"\w+\(", token.strip()):
        return Call.parse(token)
    case = Case.parse(token)
    it = Geometry.of(case) if min(*case.strides, *case.dilations) > 0 else None
    if (
        it is None
        or min(case.filters_shape[:-1]) < (1 if not case.of.depthwise or it.channels else 0)
        or min(it.outputs) < 0
        or it.channels % max(1, it.depth)
        or it.filters % it.groups
        or (case.of.depthwise and case.filters_shape[-2] != it.channels)
        or (case.pointwise and it.filters % case.pointwise[0] != 0)
    ):
        raise ValueError(f"TensorFlow refuses this case; as a call it is {Call.of(case).token()}")
    for shape in (case.input_shape, case.filters_shape, case.output_shape):
        within_memory(shape)
    if case.products > WORK:
        raise ValueError(f"{case.products} products, {WORK} are allowed: {token}")
    return case


def within(example: Example, scope: Scope) -> bool:
    """Say whether `example` lies within what a subject claims to support."""
    if isinstance(example, Call):
        mine = example.operation == scope.operation
        return mine and scoped.within(example.arguments, scope)
    return isinstance(example, Case) and corners.within(example, scope)


def admitting(example: Example, scope: Scope) -> list[Claim]:
    """Return the claims of `scope` that can be checked on `example`."""
    return [
        claim
        for claim in chosen(scope)
        if isinstance(example, Call) == (claim is accept_reject.CLAIM) and claim.admits(example)
    ]

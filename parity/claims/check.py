"""Check one example, and see whose error it is if something is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.engine import note
from parity.model.call import read
from parity.model.case import Array, Case, Conv2d
from parity.model.geometry import Geometry
from parity.model.subject import Scope, load
from parity.model.written import Arguments
from parity.oracles import bounds, eigen
from parity.oracles.bounds import HALVES
from parity.oracles.winograd import takes

if TYPE_CHECKING:
    from parity.claims.claim import Claim, Example, Told
    from parity.claims.tally import Count


Side = Callable[..., Array]


@dataclass(frozen=True)
class Subject:
    """A conv2d under test, and what it claims to support."""

    function: Conv2d
    scope: Scope

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it; the process's note says so meanwhile.

        RuntimeError stands for what would end the process: sys.exit, or a panic of Rust.
        """
        result = self._called(*arguments, **keywords)
        if self.scope.bound is None or isinstance(self.function, Subject):
            return result
        named = dict(zip(self.scope.of.leading, arguments, strict=False)) | keywords
        return settled(self.scope, named, result)

    def _called(self, *arguments: Any, **keywords: Any) -> Any:
        with note.calling(note.SUBJECT):
            try:
                return self.function(*arguments, **keywords)
            except (Exception, KeyboardInterrupt):  # the latter may be the user's
                raise
            except BaseException as error:
                raise RuntimeError(f"{type(error).__name__}: {error}") from error


def settled(scope: Scope, arguments: Arguments, result: Any) -> Any:
    """Give results whose sums are exact in any order their exact values, if they may have others.

    A fast algorithm makes something near of them.  What lies within its bound becomes exact, in
    place, so that whatever compares bits, with an oracle or two results, compares what lies beyond.
    """
    case = read(arguments, scope.operation)
    if case is None or case.dtype not in scope.dtypes or not takes(scope.bound, case):
        return result
    arrays = [np.asarray(arguments[name]) for name in scope.of.arrays]
    if len(arrays) > 2:
        case = replace(case, pointwise=arrays[2].shape[-2:])
    it = Geometry.of(case)
    if not isinstance(result, np.ndarray) or it.channels % it.depth or it.filters % it.groups:
        return result  # somebody else tells that it is wrong
    wide = [one.astype(np.float64) for one in arrays]
    if not all(np.isfinite(one).all() and (one == np.rint(one)).all() for one in wide):
        return result
    expected = bounds.integers(case, *arrays)
    if (result.shape, result.dtype) != (expected.shape, expected.dtype):
        return result
    near = np.zeros(result.shape, bool)
    for error in (None, scope.bound):  # most lie within the narrower bound, which is found sooner
        allowed = bounds.allow(case, *arrays, flush=False, error=error)
        if allowed.gross.max() > 2.0 ** (53 if case.dtype == "float64" else 24):
            return result
        with np.errstate(all="ignore"):
            off = np.abs(result.astype(allowed.value.dtype) - allowed.value)
        near |= allowed.open | ((allowed.finite | allowed.zero) & (off <= allowed.bound))
        if near.all():
            break
    result = result if result.flags.writeable else result.copy()
    result[near] = expected[near]
    return result


def scope_of(conv2d: Conv2d) -> Scope:
    """Return what `conv2d` claims to support; a plain function claims everything."""
    return conv2d.scope if isinstance(conv2d, Subject) else Scope()


def sides(case: Case, conv2d: Conv2d, *arrays: Array) -> Iterator[tuple[str, Side]]:
    """Yield who computes the case with which function of its arrays, the subject last.

    TensorFlow is left out where it does not compute it, or with these arrays not as it should.
    """
    if eigen.answers(case) and not eigen.multiplies_zeros(case, *arrays):
        yield note.ORACLE, partial(eigen.computed, case)
    yield note.SUBJECT, partial(case.call_on, conv2d)


def sums_in_halves(case: Case, side: str) -> bool:
    """Say whether a side sums the halves of a case in halves."""
    return side == note.ORACLE and case.dtype in HALVES and not case.of.wide_halves


def under_test(scope: Scope) -> Subject:
    """Return the subject of `scope`.

    Raises
    ------
    ValueError
        If it cannot be imported.
    """
    eigen.tensorflow()  # before the subject, which may import it as well
    with note.calling(note.SUBJECT):  # its import may hang, or end the process
        return Subject(load(scope.subject), scope)


def not_supported(error: Exception) -> bool:
    """Say whether `error` is the subject's way to tell that it cannot do a call."""
    return isinstance(error, NotImplementedError) and note.raised_by(error) == note.SUBJECT


def oracle_failed(error: Exception) -> bool:
    """Say whether `error` came out of TensorFlow: nobody knows then what is right."""
    return note.raised_by(error) == note.ORACLE


def failure(claim: Claim, example: Example, conv2d: Callable[..., Any]) -> Exception | None:
    """Return what shows that `claim` fails on `example`; None if nothing does."""
    note.example(example.token())
    try:
        claim.check(example, conv2d)
    except Exception as error:
        return None if not_supported(error) or oracle_failed(error) else error
    return None


def checked(claim: Claim, example: Example, conv2d: Subject, count: Count) -> Told | None:
    """Check `claim` on `example` and count it; whatever it raises is a disagreement.

    Returns None where the subject does not support the example or TensorFlow failed, which
    `count` remembers.
    """
    note.example(example.token())
    try:
        told = claim.check(example, conv2d)
    except Exception as error:
        reason = f"{example.token()}: {type(error).__name__}: {error}"
        if not_supported(error):
            count.not_supported.add(reason)
        elif oracle_failed(error):
            count.oracle_failed.add(reason)
        else:
            raise
        return None
    count.add(example, told, claim.classes(example))
    return told

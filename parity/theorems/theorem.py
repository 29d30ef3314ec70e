"""What a theorem is, and how it is proved, or refuted by the smallest integers against it.

A theorem is a function of a ``Check`` and of integers. It runs the functions that it is about,
says under which assumptions it speaks, and what holds. On symbolic integers that is a proof: every
way, every statement. On ordinary ones it is a test, which replays a counterexample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from parity.theorems import turns

NATURAL, POSITIVE, INTEGER = "natural", "positive", "integer"
"""Domains of a theorem's parameters: from 0, from 1, all. A tuple is one of words or numbers."""
Domain = str | tuple[object, ...]
LEAST = {NATURAL: 0, POSITIVE: 1}
"""The least integer of a domain, where there is one."""


class Check(Protocol):
    """What a theorem says its sentences to."""

    def assume(self, condition: Any, /) -> None:
        """Go on only where it is true."""

    def holds(self, statement: Any, words: str, /) -> None:
        """State what is true under the assumptions; it is known then."""

    def lemma(self, statement: Any, /) -> None:
        """Use what ``product_grows`` states, which is proved by itself."""


@dataclass(frozen=True)
class Theorem:
    """A theorem: its statement in words, its parameters, and what it is about."""

    name: str
    statement: str
    about: tuple[str, ...]
    domains: Mapping[str, Domain]
    body: Callable[..., None]

    def cases(self) -> Iterator[dict[str, object]]:
        """Yield the values of the parameters that are of a few words or numbers."""
        few = {name: one for name, one in self.domains.items() if isinstance(one, tuple)}
        for values in product(*few.values()):
            yield dict(zip(few, values, strict=True))

    @property
    def integers(self) -> dict[str, str]:
        """The parameters that are any integers."""
        return {name: one for name, one in self.domains.items() if isinstance(one, str)}


THEOREMS: dict[str, Theorem] = {}


def theorem(*about: str, **domains: Domain) -> Callable[[Callable[..., None]], Theorem]:
    """Make a theorem of a function, whose docstring is the statement.

    `about` names the shipped functions, `domains` the parameters.
    """

    def made(body: Callable[..., None]) -> Theorem:
        statement = " ".join((body.__doc__ or "").split())
        name = body.__name__
        THEOREMS[name] = Theorem(name, statement, about, domains, body)
        return THEOREMS[name]

    return made


class Outside(Exception):
    """The integers are none that the theorem speaks of."""


class Refuted(Exception):
    """A statement does not hold."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Against(NamedTuple):
    """Integers against a statement, and whether they surely are the smallest on their path."""

    words: str
    values: dict[str, Any]
    least: bool


class Tested:
    """A check of ordinary integers."""

    def __init__(self) -> None:
        self.statements = 0

    def assume(self, condition: Any, /) -> None:  # noqa: D102
        if not condition:
            raise Outside

    def holds(self, statement: Any, words: str, /) -> None:  # noqa: D102
        self.statements += 1
        if not statement:
            raise Refuted(words)

    def lemma(self, statement: Any, /) -> None:  # noqa: D102
        self.holds(statement, "a lemma")


def replay(one: Theorem, **values: Any) -> int:
    """Hold a theorem against ordinary integers; return how many statements were held.

    Raises ``Outside`` or ``Refuted``.
    """
    check = Tested()
    for name, domain in one.integers.items():
        if values[name] < LEAST.get(domain, values[name]):
            raise Outside
    one.body(check, **values)
    return check.statements


@dataclass
class Proof:
    """What became of a theorem."""

    name: str
    statement: str
    about: tuple[str, ...]
    verdict: str = "proved"  # or "refuted", "unknown", "vacuous"
    paths: int = 0
    statements: int = 0
    confirmed: int = 0  # of the statements, by cvc5
    seconds: float = 0.0
    words: str = ""
    counterexample: dict[str, Any] = field(default_factory=dict)
    smallest: bool = False
    unknown: list[str] = field(default_factory=list)


class Proving:
    """A check of symbolic integers, on one path; what is found against it is added to a list."""

    def __init__(
        self, proof: Proof, integers: Mapping[str, Any], case: Mapping[str, Any],
        against: list[Against], *, again: bool,
    ) -> None:  # fmt: skip
        self.proof, self.integers, self.case = proof, integers, case
        self.against, self.again = against, again

    def assume(self, condition: Any, /) -> None:  # noqa: D102
        from parity.theorems import symbolic

        known = symbolic.truth(condition).term
        if not symbolic.path().possible(known):
            raise symbolic.Infeasible
        symbolic.path().add(known)

    def holds(self, statement: Any, words: str, /) -> None:  # noqa: D102
        from parity.theorems import symbolic

        self.proof.statements += 1
        path, said = symbolic.path(), "proved"
        if self.again:
            answer = symbolic.asked_again(path.known, statement)
            self.proof.confirmed += answer == "unsat"
            if answer == "sat":
                self.proof.unknown.append(f"{words} (cvc5 has integers against it)")
        if path.possible(symbolic.truth(symbolic.negated(statement)).term):
            # not found out at once, by the solver of the path, which knows it all already
            said, model = symbolic.refute(path.known, statement)
        if said == "refuted":
            values, least = _smallest(path.known, statement, self.integers, model)
            self.against.append(Against(words, {**self.case, **values}, least))
            # Smaller ones may be against what is stated later.
            path.add(_total(self.integers) < size(values))
        if said == "unknown":
            self.proof.unknown.append(words)
        path.add(symbolic.truth(statement).term)
        if said == "refuted" and not path.possible(symbolic.truth(True).term):
            raise symbolic.Infeasible

    def lemma(self, statement: Any, /) -> None:  # noqa: D102
        from parity.theorems import symbolic

        if statement is not True and not isinstance(statement, symbolic.Fact):
            raise TypeError("only product_grows is known to be true")
        symbolic.path().add(symbolic.truth(statement).term)


def _values(integers: Mapping[str, Any], model: Any) -> dict[str, int]:
    return {
        name: model.eval(one.term, model_completion=True).as_long()
        for name, one in integers.items()
    }


def size(values: Mapping[str, Any]) -> int:
    """Return how large a counterexample is."""
    return sum(abs(one) for one in values.values() if isinstance(one, int))


def _total(integers: Mapping[str, Any]) -> Any:
    """Return the same of symbolic integers."""
    import z3

    return z3.Sum([z3.If(one.term < 0, -one.term, one.term) for one in integers.values()])


def _smallest(
    known: list[Any], statement: Any, integers: Mapping[str, Any], model: Any
) -> tuple[dict[str, int], bool]:
    """Return the smallest integers against a statement on a path, and whether they surely are."""
    from parity.theorems import symbolic

    values, least, total = _values(integers, model), 0, _total(integers)
    while least < size(values):
        # Small bounds are decided at once, and most counterexamples are small.
        bound = min(size(values) - 1, max(least, 2 * least + 1))
        said, model = symbolic.refute([*known, total <= bound], statement)
        if said == "refuted":
            values = _values(integers, model)
        elif said == "proved":
            least = bound + 1
        else:
            return values, False
    return values, True


def prove(one: Theorem, *, again: bool = False) -> Proof:
    """Prove a theorem, or refute it by the smallest integers against it.

    ``again`` asks another solver about every statement as well.
    """
    proof, start = Proof(one.name, one.statement, one.about), time.monotonic()
    against: list[Against] = []
    proof.unknown += filter(None, map(turns.unlike, one.about))
    vacuous: list[str] = []
    for case in one.cases():
        before = proof.statements
        _prove_case(one, case, proof, against, again=again)
        if proof.statements == before and not against:
            vacuous.append(f"no integers meet the assumptions{case and f', of {case}'}")
    if against:
        least = min(against, key=lambda each: size(each.values))
        proof.verdict, proof.words, proof.counterexample = "refuted", least.words, least.values
        proof.smallest = all(each.least for each in against) and not proof.unknown
    elif proof.unknown:
        proof.verdict, proof.words = "unknown", proof.unknown[0]
    elif vacuous:
        proof.verdict, proof.words = "vacuous", vacuous[0]
    proof.seconds = time.monotonic() - start
    return proof


def _prove_case(
    one: Theorem, case: dict[str, Any], proof: Proof, against: list[Against], *, again: bool
) -> None:
    from parity.theorems import symbolic

    integers = {name: symbolic.Int.named(name) for name in one.integers}

    def known() -> None:
        for name, domain in one.integers.items():
            if domain in LEAST:
                symbolic.path().add(integers[name].term >= LEAST[domain])
        if against:  # smaller integers alone are worth more of the search
            symbolic.path().add(_total(integers) < min(size(each.values) for each in against))

    def body() -> None:
        one.body(Proving(proof, integers, case, against, again=again), **case, **integers)

    proof.paths += sum(1 for _ in symbolic.ways(body, known))


@contextmanager
def modelled(module: ModuleType, **names: Any) -> Iterator[None]:
    """Let a module's functions see other values under some names, such as ``range``."""
    missing = object()
    before = {name: vars(module).get(name, missing) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                delattr(module, name)
            else:
                setattr(module, name, value)

"""Integers and truths over z3, on which ordinary Python functions run.

A function is run once for each way that it can go. Where it asks whether a truth holds, both
answers that what is known allows are taken, one a run.

Python's ``//`` and ``%`` by a positive divisor are the one quotient q and rest r with
``x == q * y + r`` and ``0 <= r < y``. Products of two unknowns are what solvers fail on: beside
each quotient stands what ``product_grows`` (a theorem of its own) says of it and of others by the
same divisor, so that most goals are linear in the products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import z3

# In z3's steps, some two million a second: seconds would make a proof hang on the machine.
_QUICK = 4_000_000  # to find out whether a way can be gone; if that is not found out, it is gone
_SECOND = 200_000  # in cvc5's, some tens of thousands a second
_PATIENT = (10_000_000, 60_000_000)  # for a goal, of one solver and of the others


class Infeasible(BaseException):
    """No integers go this way; nothing that is proved can catch it as an error of its own."""


class Path:
    """One way through a function: what is known on it, and how its questions were answered."""

    current: Path | None = None

    def __init__(self, answers: list[bool]) -> None:
        self.answers = answers
        self.asked = 0
        self.others: list[list[bool]] = []
        self.known: list[z3.BoolRef] = []
        self.solver = z3.Solver()
        self.solver.set("rlimit", _QUICK)
        self._quotients: dict[tuple[str, str], tuple[Int, Int]] = {}
        self._names = count()

    def add(self, *truths: z3.BoolRef) -> None:
        """Take truths for granted."""
        self.known += truths
        self.solver.add(*truths)

    def possible(self, truth: z3.BoolRef) -> bool:
        """Say whether some integers may make it true; also where that was not found out."""
        self.solver.push()
        self.solver.add(truth)
        answer = self.solver.check()
        self.solver.pop()
        return bool(answer != z3.unsat)

    def decide(self, truth: z3.BoolRef) -> bool:
        """Answer a question: as this way goes."""
        truth = z3.simplify(truth)
        if z3.is_true(truth) or z3.is_false(truth):
            return bool(z3.is_true(truth))
        if self.asked == len(self.answers):
            yes, no = self.possible(truth), self.possible(z3.Not(truth))
            if not (yes or no):
                raise Infeasible
            if yes and no:
                self.others.append([*self.answers, False])
            self.answers.append(yes)
        answer = self.answers[self.asked]
        self.asked += 1
        self.add(truth if answer else z3.Not(truth))
        return answer

    def fresh(self, name: str) -> Int:
        """Return an integer of which nothing is known."""
        return Int(z3.Int(f"{name}!{next(self._names)}"))

    def divided(self, x: Int, y: Int) -> tuple[Int, Int]:
        """Return quotient and rest; the divisor must be positive."""
        if self.possible(y.term <= 0):
            raise ArithmeticError(f"a divisor that need not be positive: {y.term}")
        x, y = Int(z3.simplify(x.term, som=True)), Int(z3.simplify(y.term, som=True))
        key = str(x.term.sexpr()), str(y.term.sexpr())
        if key not in self._quotients:
            q, r = self.fresh("q"), self.fresh("r")
            self.add(x.term == q.term * y.term + r.term, r.term >= 0, r.term < y.term)
            for (_, divisor), (other, _) in self._quotients.items():
                if divisor == key[1]:
                    self.add(product_grows(q, other, y).term, product_grows(other, q, y).term)
            for bound in (-1, 0, 1):
                self.add(product_grows(Int(z3.IntVal(bound)), q, y).term)
                self.add(product_grows(q, Int(z3.IntVal(bound)), y).term)
            self._quotients[key] = q, r
        return self._quotients[key]


def path() -> Path:
    """Return the way that is gone."""
    if Path.current is None:
        raise RuntimeError("symbolic integers live in a proof")
    return Path.current


class Truth:
    """A statement about symbolic integers."""

    __slots__ = ("term",)

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: z3.BoolRef) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return path().decide(self.term)

    def __eq__(self, other: object) -> Any:
        return same(self, bool(other) if not isinstance(other, Truth) else other)

    def __ne__(self, other: object) -> Any:
        return negated(self == other)

    def __and__(self, other: Truth | bool) -> Truth:
        return Truth(z3.And(self.term, truth(other).term))

    def __or__(self, other: Truth | bool) -> Truth:
        return Truth(z3.Or(self.term, truth(other).term))

    __rand__, __ror__ = __and__, __or__


def truth(given: Truth | bool) -> Truth:
    """Return a truth, also for one that is known."""
    return given if isinstance(given, Truth) else Truth(z3.BoolVal(bool(given)))


def _binary(rule: Callable[[Any, Any], Any], result: Callable[[Any], Any]) -> Any:
    def method(self: Int, other: Any) -> Any:
        if not isinstance(other, Int | int):
            if isinstance(other, float | str):  # which Python would find unequal
                raise TypeError(f"a symbolic integer, and {other!r}")
            return NotImplemented
        return result(rule(self.term, Int.of(other).term))

    return method


class Int:
    """An integer that may be any, but for what is known of it."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment] # a set would take equal ones for two

    def __init__(self, term: z3.ArithRef) -> None:
        self.term = term

    @staticmethod
    def named(name: str) -> Int:
        """Return the integer of a name."""
        return Int(z3.Int(name))

    @staticmethod
    def of(given: Int | int) -> Int:
        """Return a symbolic integer, also for one that is known."""
        return given if isinstance(given, Int) else Int(z3.IntVal(int(given)))

    __add__ = __radd__ = _binary(lambda a, b: a + b, lambda term: Int(term))
    __mul__ = __rmul__ = _binary(lambda a, b: a * b, lambda term: Int(term))
    __sub__ = _binary(lambda a, b: a - b, lambda term: Int(term))
    __rsub__ = _binary(lambda a, b: b - a, lambda term: Int(term))
    __lt__ = _binary(lambda a, b: a < b, Truth)
    __le__ = _binary(lambda a, b: a <= b, Truth)
    __gt__ = _binary(lambda a, b: a > b, Truth)
    __ge__ = _binary(lambda a, b: a >= b, Truth)
    __eq__ = _binary(lambda a, b: a == b, Truth)
    __ne__ = _binary(lambda a, b: a != b, Truth)

    def __neg__(self) -> Int:
        return Int(-self.term)

    def __pos__(self) -> Int:
        return self

    def __bool__(self) -> bool:
        return path().decide(self.term != 0)

    def __divmod__(self, other: Int | int) -> tuple[Int, Int]:
        return path().divided(self, Int.of(other))

    def __rdivmod__(self, other: int) -> tuple[Int, Int]:
        return path().divided(Int.of(other), self)

    def __floordiv__(self, other: Int | int) -> Int:
        return divmod(self, other)[0]

    def __rfloordiv__(self, other: int) -> Int:
        return divmod(other, self)[0]

    def __mod__(self, other: Int | int) -> Int:
        return divmod(self, other)[1]

    def __rmod__(self, other: int) -> Int:
        return divmod(other, self)[1]

    def __index__(self) -> int:
        raise TypeError("a symbolic integer where Python needs a known one, as range() does")

    def __repr__(self) -> str:
        return f"Int({self.term})"


class Fact(Truth):
    """A truth for which there is a proof."""


def product_grows(small: Any, large: Any, by: Any) -> Any:
    """State that ``small < large`` makes ``small * by`` less than ``large * by`` by ``by`` or more.

    True for every ``by >= 0``, which is part of what is stated.
    """
    stated = implies(both(small < large, by >= 0), small * by + by <= large * by)
    return Fact(stated.term) if isinstance(stated, Truth) else stated


def implies(one: Truth | bool, other: Truth | bool) -> Any:
    """State that one truth follows from another."""
    if isinstance(one, Truth) or isinstance(other, Truth):
        return Truth(z3.Implies(truth(one).term, truth(other).term))
    return not one or other


def same(one: Truth | bool, other: Truth | bool) -> Any:
    """State that both are true or neither."""
    if isinstance(one, Truth) or isinstance(other, Truth):
        return Truth(truth(one).term == truth(other).term)
    return bool(one) == bool(other)


def both(*truths: Truth | bool) -> Any:
    """State that all are true, in one question instead of one each."""
    if any(isinstance(one, Truth) for one in truths):
        return Truth(z3.And(*(truth(one).term for one in truths)))
    return all(truths)


def negated(one: Truth | bool) -> Any:
    """State that it is not true."""
    return Truth(z3.Not(one.term)) if isinstance(one, Truth) else not one


def ways(function: Callable[[], object], start: Callable[[], None]) -> Iterator[Path]:
    """Run a function by each way that it can go; `start` says what is known before."""
    waiting: list[list[bool]] = [[]]
    while waiting:
        with _on(Path(waiting.pop())) as one:
            try:
                start()
                function()
            except Infeasible:
                waiting += one.others
                continue
            waiting += one.others
        yield one


@contextmanager
def _on(one: Path) -> Iterator[Path]:
    before, Path.current = Path.current, one
    try:
        yield one
    finally:
        Path.current = before


def solvers() -> Iterator[tuple[Any, int]]:
    """Yield solvers for a goal, each with the steps that it is given."""
    quick, slow = _PATIENT
    yield z3.Solver(), quick
    yield z3.SolverFor("QF_NIA"), slow
    other = z3.Solver()
    other.set("smt.arith.solver", 2)
    yield other, slow


def refute(known: list[z3.BoolRef], goal: Truth | bool) -> tuple[str, Any]:
    """Look for integers against a goal: ("proved", None), ("refuted", model), ("unknown", None)."""
    for solver, patience in solvers():
        solver.set("rlimit", patience)
        solver.add(*known, z3.Not(truth(goal).term))
        answer = solver.check()
        if answer == z3.unsat:
            return "proved", None
        if answer == z3.sat:
            return "refuted", solver.model()
    return "unknown", None


def asked_again(known: list[z3.BoolRef], goal: Truth | bool) -> str:
    """Ask another solver, cvc5, for integers against a goal: "unsat" if there are none."""
    import cvc5

    stated = z3.Solver()
    stated.add(*known, z3.Not(truth(goal).term))
    solver = cvc5.Solver()
    solver.setOption("rlimit-per", str(_SECOND))
    parser = cvc5.InputParser(solver)
    text = f"(set-logic ALL)\n{stated.to_smt2()}"
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "goal")
    names, said = parser.getSymbolManager(), ""
    while not (command := parser.nextCommand()).isNull():
        said += command.invoke(solver, names)
    return said.strip()

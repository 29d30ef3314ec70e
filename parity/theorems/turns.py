"""Loops of the shipped functions that proofs look at by one turn: their turns have to be alike.

A statement about one turn, of which nothing is known, holds for every turn if none ends the loop
and none leaves anything for the next but by appending or yielding. That is seen in the source: no
``break`` or ``return`` in the loop, and no name that a turn may read before it has written it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

CARRIED: dict[str, tuple[set[str], ...]] = {
    "npconv._engine.plan.parts": (),
    "npconv._engine.plan.runs": (set(), set()),
    "npconv._engine.plan.tiles": (set(), {"stop"}),  # of which the theorem has two turns
    "npconv._phases._along_stride": (set(),),
    "npconv._phases._along_dilation": (set(),),
    "npconv._engine.depthwise._planes": (set(),),
    "npconv._blocks.Block.taps": (set(),),
    "npconv._engine.toeplitz.scatter": (set(), {"of", "shape"}),  # the inner is run whole
}
"""What turns of a function's loops leave for the next, loop by loop as they stand in the source."""


def owner(function: str) -> tuple[Any, str]:
    """Return the module or class that has a function, and under which name."""
    path, name = function.rsplit(".", 1)
    try:
        return importlib.import_module(path), name
    except ModuleNotFoundError:
        module, within = path.rsplit(".", 1)
        return getattr(importlib.import_module(module), within), name


def source(function: Any) -> str:
    """Return the source of a function, without what is around it."""
    return dedent(inspect.getsource(inspect.unwrap(getattr(function, "__func__", function))))


def unlike(function: str) -> str:
    """Say which loop of a function has turns that are not alike; nothing if there is none."""
    if function not in CARRIED:
        return ""
    holder, name = owner(function)
    found = list(loops(source(vars(holder)[name])))
    if len(found) != len(CARRIED[function]):
        return f"{function} has {len(found)} loops"
    for number, (own, expected) in enumerate(zip(found, CARRIED[function], strict=True), 1):
        if own != expected:
            words = ", ".join(sorted(own)) or "nothing"
            return f"loop {number} of {function} leaves for its next turn: {words}"
    return ""


def loops(text: str) -> Iterator[set[str]]:
    """Yield what the turns of each statement that loops leave for the next, or how they end it."""
    for node in _in_order(ast.parse(text)):
        if isinstance(node, ast.For | ast.While):
            yield _left(node)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        yield from _in_order(child)


def _left(loop: ast.For | ast.While) -> set[str]:
    nodes = [one for part in loop.body for one in ast.walk(part)]
    ends = {type(one).__name__.lower() for one in nodes if isinstance(one, ast.Break | ast.Return)}
    own = {
        name for one in nodes if isinstance(one, ast.comprehension) for name in _names(one.target)
    }
    written = {name for one in nodes for name in _written(one)} - own
    early: set[str] = set()
    _read(loop.body, _names(loop.target) if isinstance(loop, ast.For) else set(), early)
    return ends | (early & written) | (_changed(nodes) - written)


def _changed(nodes: list[ast.AST]) -> set[str]:
    """Return the names of objects that are changed in place, unless they are only appended to."""
    uses = [one.id for one in nodes if isinstance(one, ast.Name)]
    changed: dict[str, int] = {}  # by its name, how often an object is appended to
    for one in nodes:
        if isinstance(one, ast.Attribute | ast.Subscript) and isinstance(one.value, ast.Name):
            name, call = one.value.id, getattr(one, "attr", "")
            if call in _CHANGES or not isinstance(one.ctx, ast.Load):
                changed[name] = changed.get(name, 0) + (call == "append")
    return {name for name, count in changed.items() if uses.count(name) > count}


_CHANGES = ("append", "extend", "insert", "pop", "remove", "clear", "add", "update", "sort")


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _written(node: ast.AST) -> set[str]:
    stored = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    return {node.id} if stored and isinstance(node, ast.Name) else set()


def _read(body: list[ast.stmt], sure: set[str], early: set[str]) -> set[str]:
    """Add to `early` what statements may read before they have written it; return what is sure."""
    for one in body:
        parts = [child for child in ast.iter_child_nodes(one) if isinstance(child, ast.expr)]
        nodes = [node for part in parts for node in ast.walk(part)]
        loaded = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        if isinstance(one, ast.AugAssign):
            loaded |= _names(one.target)
        early |= loaded - sure
        wrote = {name for node in nodes for name in _written(node)}
        if isinstance(one, ast.If):
            branches = [_read(some, set(sure), early) for some in (one.body, one.orelse)]
            wrote |= branches[0] & branches[1]
        elif isinstance(one, ast.For | ast.While):  # which may have no turn
            _read(one.body, sure | wrote, early)
            wrote = set()
        elif isinstance(one, ast.With):
            wrote |= _read(one.body, sure | wrote, early)
        sure = sure | wrote
    return sure

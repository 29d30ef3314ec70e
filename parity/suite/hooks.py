"""A run of the suite under pytest: its subject, its seed, and a summary of what it compared.

``PARITY_EXAMPLES=10`` multiplies the number of examples.  The examples are the same on every run
unless ``--hypothesis-seed`` is given (a number, or ``random``).  A run that compared too little to
be trusted ends with exit code 3.  A watcher beside each process says which call has killed it, and
kills it where a call does not end.
"""

from __future__ import annotations

import gc
import pickle
import random
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from parity import claims
from parity.claims import check, tally, trust
from parity.cli import options, summary
from parity.engine import note
from parity.engine.watcher import Watcher
from parity.model.verdict import MISTRUSTED, WRONG_CALL
from parity.oracles import eigen
from parity.suite.run import RUN

_FEWEST = 5
"""Examples of a claim that pytest takes for a run of it."""
_OF_NPCONV = ("test_extract_patches.py", "test_ledger.py")
_NONE = pickle.dumps(([], [], None))
_WIDTH = 130
_WATCHER = pytest.StashKey[Watcher]()


def pytest_configure(config: pytest.Config) -> None:
    """Take the seed and the subject that the command line gives."""
    given = config.getoption("--hypothesis-seed", default=None)
    if hasattr(config, "workerinput"):
        RUN.seed = config.workerinput["parity_seed"]
    elif given is not None:
        RUN.seed = random.randrange(2**32) if given == "random" else int(given)
    try:
        with eigen.chosen():  # the subject may import TensorFlow
            found = options.settings(config.option)
        claims.asked(found.scope)
        scopes = options.scopes(config.option, found.scope)
    except ValueError as error:
        pytest.exit(str(error), WRONG_CALL)
    RUN.scopes, RUN.share, RUN.known = scopes, found.examples, found.known
    config.stash[_WATCHER] = Watcher(found)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Dismiss the watcher."""
    if _WATCHER in config.stash:
        config.stash[_WATCHER].dismiss()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say which test runs, until it says which example."""
    note.example(item.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give pytest-xdist's workers one seed."""
    node.workerinput["parity_seed"] = RUN.seed


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist has counted."""
    # Our own bytes, from a process of our own.
    counts, doubts, rules = pickle.loads(getattr(node, "workeroutput", {}).get("parity", _NONE))
    tally.merge(RUN.counts, counts)
    if rules is not None:
        RUN.rules.merge(rules)
    RUN.doubts += doubts


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out, of another subject, what is npconv's own, and the tests of the suite's tools."""
    if RUN.scope.is_npconv or collection_path.suffix != ".py":
        return None
    mine = collection_path.parent == Path(__file__).parent
    return True if not mine or collection_path.name in _OF_NPCONV else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the known regressions before anything is drawn."""
    items.sort(key=lambda item: "test_regressions" not in item.nodeid)


@pytest.fixture(scope="session")
def conv2d() -> Any:
    """Return the implementation under test."""
    gc.freeze()  # TensorFlow's million objects need not be searched again and again
    return check.under_test(RUN.scope)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Mistrust a run in which a claim whose every dtype was asked compared too little."""
    listed = list(RUN.counts.values())
    if hasattr(session.config, "workeroutput"):  # the parent merges, doubts and prints
        session.config.workeroutput["parity"] = pickle.dumps((listed, RUN.doubts, RUN.rules))
        return
    if listed and not tally.total(listed).examples:
        RUN.doubts.append("nothing was compared")
    RUN.doubts += trust.not_supported("rules", [RUN.rules])
    for scope, claim in product(RUN.scopes, claims.CLAIMS.values()):
        mine = [count for count in listed if count.operation == scope.operation]
        ran = {count.dtype for count in mine if count.claim == claim.name}
        if any(one.claim == claim.name for one in RUN.known):
            continue  # it ends at the first failure
        if ran and ran == set(tally.dtypes(claim, scope)):
            name = "" if scope.operation == "conv2d" else f"{scope.operation}: "
            RUN.doubts += [f"{name}{said}" for said in trust.doubts(claim, mine, scope)]
            RUN.too_few += [f"{name}{said}" for said in [trust.too_few(claim, mine, scope)] if said]
            # Nothing but PARITY_EXAMPLES cuts such a run short.
            examples = sum(count.examples for count in mine if count.claim == claim.name)
            if 0 < examples < _FEWEST:
                RUN.doubts.append(f"{name}{claim.name}: only {examples} examples")
    if RUN.doubts and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = MISTRUSTED
    if path := session.config.getoption("--counts"):
        documents = [count.document() for count in listed]
        path.write_bytes(msgspec.json.format(msgspec.json.encode(documents), indent=1) + b"\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what the ledger does not know yet, examples and outputs, and what is in doubt."""
    told = [
        line
        for report in terminalreporter.stats.get("passed", [])
        for name, line in report.user_properties
        if name == "ledger"
    ]
    if told:
        terminalreporter.section("the ledger on this CPU")
        for line in told:
            terminalreporter.line(line)
    counts = list(RUN.counts.values())
    if not counts and not RUN.doubts:
        return
    console = Console(width=_WIDTH)  # the same wherever the output goes
    with console.capture() as shown:
        for scope in RUN.scopes:
            mine = [count for count in counts if count.operation == scope.operation]
            title = f"{scope.subject} and TensorFlow, --hypothesis-seed={RUN.seed}"
            console.print(summary.counts_table(mine, title))
        console.print(summary.classes_table(counts, "corner classes"))
    terminalreporter.write("\n" + shown.get())
    for said in RUN.too_few:
        terminalreporter.line(said, yellow=True)
    for claim in claims.CLAIMS.values():
        if said := trust.covered(claim, counts, RUN.scope):
            terminalreporter.line(said)
    for doubt in RUN.doubts:
        terminalreporter.line(f"MISTRUSTED: {doubt}", red=True)

"""The ledger: what it refuses, what it excuses, and that a stale or missing row is found."""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import pytest
from msgspec import structs
from rich.console import Console

import npconv
from parity.ledger import command
from parity.ledger import rows as ledger
from parity.ledger.facts import Facts, kind
from parity.ledger.predicates import INSTEAD, PREDICATES
from parity.ledger.rows import ROWS, Divergence, Shown
from parity.oracles import build as tensorflow_build
from parity.oracles import eigen, onednn
from parity.oracles.onednn import Machine
from parity.rules import ROWS as RULES
from parity.suite import test_rules

VERSIONS = ("2.16", "2.17", "2.18", "2.19", "2.20", "2.21", "2.22")
ONE = np.ones((1, 1, 1, 1), np.float32)
CAST = Shown(
    "conv2d(input=np.full((1, 1, 1, 1), 1, 'int32'),"
    " filters=np.full((1, 1, 1, 1), 1.7, 'float64'), strides=1, padding='VALID')",
    "int32 1x1x1x1 [1]",
    "TypeError",
)
EMPTY = Shown(  # what TensorFlow with oneDNN does on every instruction set
    "conv2d(input=np.full((0, 1, 1, 3), 1.0, 'float32'),"
    " filters=np.full((1, 1, 3, 2), 1.0, 'float32'), strides=1, padding='SAME')",
    "float32 0x1x1x3",
    "float32 0x1x1x2",
)
TEXTS: dict[str, Any] = {"tensorflow": "Does this.", "npconv": "Does that.", "why": "Planted."}
A = structs.replace(ROWS[0], shown=(CAST,))
TOML = """
[[divergence]]
id = "filters-dtype"
tensorflow = "Casts."
npconv = "Refuses."
why = "Planted."
build = "eigen"
versions = ["2.21"]
shown = [{ call = "conv2d()", tensorflow = "int32 1 [1]", npconv = "TypeError" }]
"""


@pytest.fixture
def machine() -> Machine:
    found = onednn.machine()
    if not found.instruction_set:
        pytest.skip("TensorFlow has no oneDNN here")
    return found


@pytest.fixture(autouse=True)
def _predicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PREDICATES, "b", lambda call: call.dtype == "float32")


def about_onednn(*shown: Shown, versions: tuple[str, ...] = VERSIONS) -> Divergence:
    return Divergence("b", **TEXTS, build="onednn", versions=versions, shown=shown)


def seen(machine: Machine, *versions: str, shown: Shown = EMPTY) -> Shown:
    """Return a line that was seen on `machine`."""
    return structs.replace(shown, **{machine.how: (machine.instruction_set,)}, versions=versions)


def release() -> str:
    return ledger.release(eigen.version())


def elsewhere(version: str) -> tuple[str, ...]:
    """Return other versions than this one."""
    return tuple(one for one in VERSIONS if one != version)


def test_a_row_is_read() -> None:
    [row] = ledger.load(TOML)
    assert (row.id, row.versions, row.shown[0].npconv) == ("filters-dtype", ("2.21",), "TypeError")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", TOML, "id of its own"),
        ('"eigen"', '"gpu"', "gpu"),
        ('"TypeError"', '"int32 1 [1]"', "no difference"),
        ("filters-dtype", "unknown", "predicate"),
        ("why = ", 'unpredicated = "both"\nwhy = ', "predicate"),
        ("why = ", 'verdict = "KeyError"\nwhy = ', "KeyError"),
        ("why = ", 'at_times = "late"\nwhy = ', "late"),
        ("why = ", "because = ", "because|why"),
        ('"eigen"', '"onednn"', "where it was seen"),
        ('"TypeError" }', '"TypeError", native = ["AVX2"] }', "where it was seen"),
        ('"TypeError" }', '"TypeError", native = "AVX2" }', "array"),
        ('"TypeError" }', '"TypeError", versions = ["1.15"] }', "does not list"),
        (TOML[TOML.index("[{") :], "[]", "reproducer"),
    ],
)
def test_rows_that_say_nothing_are_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ledger.load(TOML.replace(old, new) if old else TOML + new)


def test_every_predicate_has_a_row() -> None:
    assert {*PREDICATES, *INSTEAD} - {"b"} == {row.id for row in ROWS if not row.unpredicated}


def test_every_ledger_row_named_by_a_rule_exists() -> None:
    assert {rule.ledger for rule in RULES} - {""} <= {row.id for row in ROWS}


@pytest.mark.parametrize(
    ("id", "predicate", "said"),
    [
        ("7 int8,float32", lambda call: kind(call.filters) > kind(call.input), "too wide"),
        ("7 int32,float32", lambda call: False, "too narrow"),
    ],
)
def test_a_predicate_is_no_wider_and_no_narrower_than_the_difference(
    id: str, predicate: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [rule] = [rule for rule in RULES if rule.id == id]
    test_rules.compare(rule, npconv.conv2d)
    monkeypatch.setitem(PREDICATES, "filters-dtype", predicate)
    with pytest.raises(AssertionError, match=said):
        test_rules.compare(rule, npconv.conv2d)


def test_a_row_that_holds_is_not_stale() -> None:
    found = command.checked(A)
    assert (found.stale, found.status) == (False, "as written")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"tensorflow": "int32 1x1x1x1 [2]"}, "TensorFlow gives int32 1x1x1x1 [1], not"),
        ({"npconv": "ValueError"}, "npconv gives TypeError, not ValueError: conv2d("),
        ({"call": CAST.call.replace("int32", "float64")}, "the predicate does not hold"),
        ({"call": CAST.call.replace("conv2d", "extract_patches")}, "the predicate does not hold"),
    ],
)
def test_a_stale_row_is_found(changes: dict[str, str], status: str) -> None:
    found = command.checked(structs.replace(A, shown=(structs.replace(CAST, **changes),)))
    assert found.stale
    assert status in found.status


def test_other_values_are_any_but_those_of_npconv() -> None:
    call, right = CAST.call.replace("1.7", "2.0"), "int32 1x1x1x1 [2]"
    for expected, same in ((right, True), ("int32 1x1x1x1 [3]", False)):
        other = Shown(call, ledger.OTHER, expected)
        assert other.by_tensorflow(right) != same
    assert not Shown(call, ledger.OTHER, right).by_tensorflow("killed")


def test_a_row_of_another_version_is_left() -> None:
    row = structs.replace(A, versions=elsewhere(release()))
    assert command.checked(row).status == f"STALE: it shows in {release()}, which is not listed"
    shown = structs.replace(CAST, tensorflow="int32 1x1x1x1 [7]")
    found = command.checked(structs.replace(row, shown=(shown,)))
    assert not found.stale
    assert found.status.startswith("only in TensorFlow")


def test_a_row_about_onednn_is_not_about_what_eigen_does_too(machine: Machine) -> None:
    row = structs.replace(A, build="onednn", shown=(seen(machine, shown=CAST),))
    assert "TensorFlow without oneDNN gives int32" in command.checked(row).status


def test_a_row_that_no_longer_shows_where_it_was_seen_is_stale(machine: Machine) -> None:
    shown = seen(machine)
    assert command.checked(about_onednn(shown)).status == "as written"
    found = command.checked(about_onednn(structs.replace(shown, tensorflow="killed")))
    assert found.stale
    assert "TensorFlow gives float32 0x1x1x3, not killed" in found.status


@pytest.mark.parametrize("how", ["native", "capped"])
def test_a_row_that_was_seen_elsewhere_is_reported(
    how: Literal["native", "capped"], machine: Machine
) -> None:
    # The same instruction set with a cap is another machine than without one.
    other = seen(Machine(machine.instruction_set if how != machine.how else "SVE", how))
    found = command.checked(about_onednn(structs.replace(other, tensorflow="killed")))
    assert found.status == f"not seen here, on {machine}: float32 0x1x1x3"
    assert not found.data
    text = io.StringIO()
    document = command.check(Console(file=text, width=200), [about_onednn(other)], [])
    [found] = document.rows
    assert (document.machine, document.exit_code, found.stale) == (str(machine), 0, False)
    assert found.status == f"seen here, on {machine}, for the first time"
    [line] = found.data
    assert line.endswith(f'{machine.instruction_set}"]')
    assert f"SEEN HERE: {line}" in text.getvalue()
    # npconv is held to the row everywhere.
    wrong = command.checked(about_onednn(structs.replace(other, npconv="float32 0x1x1x7")))
    assert "npconv gives float32 0x1x1x2" in wrong.status


def test_what_a_cpu_with_avx2_alone_was_seen_to_give_is_not_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With oneDNN forced on, and not capped (Zen 3, TensorFlow 2.21)."""
    rows = {row.id: row for row in ROWS if row.build == "onednn"}
    gives = {shown.call: shown.tensorflow for row in rows.values() for shown in row.shown}
    gives[rows["huge-geometry-onednn"].shown[1].call] = "float32 1x1x1x1 [0.0]"
    gives[rows["padding-skipped-onednn"].shown[0].call] = "float32 1x2x1x1 [inf, nan]"
    outcome = ledger.outcome
    monkeypatch.setattr(
        command,
        "outcome",
        lambda call, of: gives[call] if of is command.ONEDNN else outcome(call, of),
    )
    monkeypatch.setattr(onednn, "renew", lambda: None)
    monkeypatch.setattr(onednn, "machine", lambda: Machine("AVX2"))
    found = {name: command.checked(row) for name, row in rows.items()}
    assert not [one.status for one in found.values() if one.stale]
    for name in ("huge-geometry-onednn", "padding-skipped-onednn"):
        assert "not seen here, on AVX2 (native)" in found[name].status
    gives = dict.fromkeys(gives, "float32 0")
    stale = {name for name, row in rows.items() if command.checked(row).stale}
    assert {"empty-output-onednn", "explicit-padding-onednn"} <= stale  # what was seen there


def test_a_row_about_onednn_that_shows_in_another_version(machine: Machine) -> None:
    version, sve = release(), Machine("SVE")
    others = elsewhere(version)
    found = command.checked(about_onednn(seen(machine), versions=others))
    assert found.status == f"STALE: it shows in {version}, which is not listed"
    [line] = command.checked(about_onednn(seen(sve), versions=others)).data
    named = f'{machine.how} = ["{machine.instruction_set}"], versions = ["{version}"]'
    assert line == f"b, shown 1: {named}"
    # A line of its own says where it shows in this one.
    both = about_onednn(seen(sve, others[0]), seen(machine, version))
    assert command.checked(both).status == "as written"


@pytest.mark.usefixtures("machine")
def test_a_missing_row_fails_the_command() -> None:
    few = [rule for rule in RULES if rule.rule == 15 or rule.ledger == "nchw"]
    assert list(command.missing(ROWS, few)) == []
    text = io.StringIO()
    # The only row: rank below 4 kills TensorFlow with oneDNN, and nothing says so.
    document = command.check(Console(file=text, width=200), [A], few)
    assert document.exit_code == 1
    assert any(": killed" in line for line in document.missing)
    assert any("no row 'nchw'" in line for line in document.missing)
    assert "MISSING: 15" in text.getvalue()


def test_outcomes_are_one_line() -> None:
    def double(x: Any) -> Any:
        return x + x

    def dies(x: Any) -> Any:
        raise onednn.Killed

    def outcome(call: str) -> str:
        return ledger.outcome(call, {"conv2d": double, "extract_patches": dies}.__getitem__)

    assert outcome("conv2d(x=np.float32(2))") == "float32  [4.0]"
    assert outcome("conv2d(x=np.full((2, 5), 0.0, 'float64'))") == "float64 2x5"
    assert outcome("conv2d(y=1)") == "TypeError"
    assert outcome("extract_patches(x=1)") == "killed"
    sorts = map(ledger.sort, ("float32  [4.0]", "TypeError", "killed"))
    assert [*sorts] == ["taken", "TypeError", "killed"]


def test_an_excuse_needs_row_version_and_sort() -> None:
    shown = structs.replace(CAST, native=("AVX2",))
    row = structs.replace(A, build="onednn", shown=(shown,))
    call = {"input": ONE.astype("i4"), "filters": ONE, "strides": 1, "padding": "SAME"}

    def excuse(
        found: str = "taken", version: str = "2.16.2", row: Divergence = row, call: Any = call
    ) -> Divergence | None:
        return ledger.excuse([row], call, found, version=version, machine=Machine("AVX2"))

    assert excuse() is row
    assert excuse(version="1.15.0") is None
    assert excuse(version="2.22.0rc0") is row
    assert excuse(call=call | {"filters": ONE.astype("i4")}) is None
    assert excuse("killed") is None
    assert excuse("killed", row=structs.replace(row, at_times="killed")) is not None
    assert excuse(row=structs.replace(A)) is None  # the values of both are held alike


def test_a_row_that_was_seen_on_the_machine_is_the_first_excuse() -> None:
    avx2 = about_onednn(structs.replace(EMPTY, native=("AVX2",), capped=("SSE41",)))
    sse41 = about_onednn(structs.replace(EMPTY, native=("SSE41",)))
    call = {"input": ONE, "filters": ONE, "strides": 1, "padding": "SAME"}
    for machine, row in (
        (Machine("AVX2"), avx2),
        (Machine("SSE41"), sse41),
        (Machine("SSE41", "capped"), avx2),
        (Machine("SVE"), avx2),  # nobody has seen it there: it shows all the same
    ):
        rows = [avx2, sse41]
        found = ledger.excuse(rows, call, "taken", version="2.21.0", machine=machine)
        assert found is row


@pytest.mark.parametrize("version", ["2.22.0", "2.22.1", "2.22.0rc0", "2.22.0-rc0", "2.22"])
def test_a_pre_release_belongs_to_its_release(version: str) -> None:
    assert ledger.release(version) == "2.22"


def test_instruction_sets_have_the_names_that_cap_them() -> None:
    names = {one for row in ROWS for shown in row.shown for one in shown.native + shown.capped}
    assert names <= set(tensorflow_build.INSTRUCTION_SETS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.ones(1, bool), 0),
        ([1], 1),
        (np.float16(1), 2),
        ([1j], 3),
        (["a"], 4),
        ([[1], [1, 2]], 4),
    ],
)
def test_kinds_of_numbers(value: Any, expected: int) -> None:
    assert kind(value) == expected


def test_predicates_know_the_padding_that_windows_reach() -> None:
    x, w = np.ones((1, 5, 7, 2), np.float32), np.ones((2, 3, 2, 1), np.float32)
    call = {"input": x, "filters": w, "strides": 2, "padding": "SAME"}
    sizes = Facts(call).sizes
    assert sizes is not None
    assert (sizes.top, sizes.bottom, sizes.left, sizes.right) == (0, 1, 1, 1)
    turned = {
        "input": x.transpose(0, 3, 1, 2),
        "data_format": "NCHW",
        "strides": [1, 1, 2, 3],
        "padding": [[0, 0], [0, 0], [3, 0], [1, 5]],
    }
    sizes = Facts(call | turned).sizes
    assert sizes is not None
    assert (sizes.H, sizes.W, sizes.C, sizes.SW) == (5, 7, 2, 3)
    # 5 + 3 rows in steps of 2, the last one beyond the last window; 7 + 6 columns in steps of 3.
    assert (sizes.top, sizes.bottom, sizes.left, sizes.right) == (3, 0, 1, 4)
    assert Facts(call | {"strides": 2.5}).sizes is None


# The process that TensorFlow with oneDNN runs in.


@pytest.mark.usefixtures("machine")
def test_a_killed_process_is_reported_and_the_next_call_is_answered() -> None:
    same = {"strides": 1, "padding": "SAME"}
    running = onednn.child()
    for _ in range(2):
        with pytest.raises(onednn.Killed, match="status"):
            onednn.conv2d(ONE[0], ONE, **same)
        assert onednn.conv2d(ONE, ONE, **same) == ONE
    onednn.renew()
    assert onednn.conv2d(ONE, ONE, **same) == ONE
    assert onednn.child() is running
    with pytest.raises(onednn.Refused, match="Stride must be > 0") as raised:
        onednn.conv2d(ONE, ONE, 0, "SAME")
    assert type(raised.value).__name__ == "InvalidArgumentError"


@pytest.mark.usefixtures("machine")
def test_a_child_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    running = onednn.child()
    monkeypatch.setattr(onednn, "SECONDS", 0.0)
    with pytest.raises(onednn.Killed, match="no answer"):
        onednn.conv2d(np.ones((64, 64, 64, 16), np.float32), ONE, 1, "SAME")
    monkeypatch.undo()
    assert onednn.child() is not running

"""The record and the page, from made-up figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.table import Table

from parity.model.subject import Scope
from parity.report import document, forest, page, photographs
from parity.report.command import supported
from parity.report.document import Report
from parity.speed.agreement import failed
from parity.speed.recipes import TEN_LINES
from parity.speed.rows import FORCED
from parity.tests.report import made
from parity.tests.report.test_plots import read, texts, tips
from parity.tests.speed import planted


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    report = made.report(quick=True)
    document.write(report, tmp_path / "report.json")
    assert document.read(tmp_path / "report.json") == report
    assert msgspec.json.schema(Report)["$defs"]["Report"]["required"]


def test_a_report_with_a_hole_is_refused(tmp_path: Path) -> None:
    data = msgspec.to_builtins(made.report())
    del data["speed"]["rows"][0]["agreement"]["verdict"]
    (tmp_path / "hole.json").write_bytes(msgspec.json.encode(data))
    with pytest.raises(msgspec.ValidationError, match=r"verdict.*speed.rows.0..agreement"):
        document.read(tmp_path / "hole.json")


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    parts: dict[str, Any] = {
        "sweep": made.sweep(first=[made.REMARK], doubts=["<sweep>"]),
        "campaign": made.campaign(
            failures=[made.DISAGREES], crashes=[made.DEATH], doubts=["<doubt>"]
        ),
        "samples": made.samples(failures=["<beyond>"], doubts=["<refused>"]),
    }
    html = page.render(made.report(**parts))
    outside = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    assert not re.findall(r"(?:src|href)=\"(?!data:|#|https://example.org)", outside)
    assert not re.findall(r"url\((?!#)|@import|fetch\(|<link", html)
    assert html.count("data:image/png;base64,") == 2 + 3  # a photograph, errors by position
    assert "1 of 2" in html  # mutants
    assert "SURVIVES" in html
    assert "; 2 disagreements" in html  # of the campaign, one of which ended its process
    assert html.count("MISTRUSTED: ") == 3
    words = "token reason doubt sweep fault killed few beyond refused class cpu net theirs ours"
    for word in (*words.split(), "layer 0", "too large"):
        assert f"<{word}>" not in outside
        assert f"&lt;{word}&gt;" in html
    assert all(row.token in html for row in made.speed().rows)


def test_where_nothing_can_be_proved_the_page_says_nothing_of_it() -> None:
    html = page.render(made.report(theorems=None))
    assert "Theorems" not in html
    assert "Theorems" in page.render(made.report())


WRONG: dict[str, dict[str, Any]] = {
    "sweep": {"sweep": made.sweep(disagreements=1)},
    "campaign": {"campaign": made.campaign(exit_code=1)},
    "hunt": {"hunt": made.hunt(exit_code=1)},
    "errors": {"samples": made.samples(failures=["float32: an error beyond the bound"])},
    "photograph": {
        "samples": made.samples(real_input=made.real_input(made.agreement("DISAGREES")))
    },
    "layer": {"times": made.speed("DISAGREES")},
    "theorems": {"theorems": made.theorems(crashes=["<gone>"])},
}
UNCLEAR: dict[str, dict[str, Any]] = {
    "sweep": {"sweep": made.sweep(doubts=["<doubt>"])},
    "campaign": {"campaign": made.campaign(exit_code=3, doubts=["<doubt>"])},
    "errors": {"samples": made.samples(doubts=["float32: TensorFlow raises"])},
    "theorems": {"theorems": made.theorems(theorems=[made.OPEN])},
    "photograph": {
        "samples": made.samples(real_input=made.real_input(made.agreement("not compared")))
    },
    "none": {"samples": made.samples(real_input=[])},
    "layer": {"times": made.speed("not compared")},
}


@pytest.mark.parametrize("where", WRONG)
def test_one_part_that_disagrees_decides(where: str) -> None:
    report = made.report(**{**UNCLEAR["campaign"], **WRONG[where]})
    assert (report.exit_code, report.verdict) == (1, "disagreement")
    assert [part.status for part in report.told().parts].count("DISAGREES") == 1
    html = page.render(report)
    assert "<title>same and TensorFlow: they DISAGREE" in html
    assert '<b class="bad">they DISAGREE' in html
    assert 'class="good">disagreement' not in html
    assert 'class="good">DISAGREES' not in html


@pytest.mark.parametrize("where", UNCLEAR)
def test_one_part_without_enough_to_compare_is_mistrusted(where: str) -> None:
    report = made.report(**UNCLEAR[where])
    assert (report.exit_code, report.verdict) == (3, "mistrusted")
    assert [part.status for part in report.told().parts].count("MISTRUSTED") == 1
    assert '<b class="doubt">MISTRUSTED' in page.render(report)


FEW, FAILED = "exact: no example", "exact float32: TensorFlow failed on 3 examples"


@pytest.mark.parametrize(
    ("quick", "doubts", "code"),
    [(True, [FEW], 0), (True, [FAILED, FEW], 3), (False, [FEW], 3)],
)
def test_quick_forgives_what_was_not_reached_and_nothing_else(
    quick: bool, doubts: list[str], code: int
) -> None:
    campaign = made.campaign(doubts=doubts, unreached=[FEW], exit_code=3)
    report = made.report(quick=quick, campaign=campaign)
    assert report.exit_code == code
    html = page.render(report)
    assert ("Quick: as little as possible" in html) == quick
    assert (f"MISTRUSTED: {FEW}" in html) != quick


def test_what_failed_and_what_cannot_be_done_is_told_apart() -> None:
    cannot = made.agreement("not compared")
    real = [*made.real_input(cannot), *made.real_input(failed("KeyError: <planted>"))]
    html = page.render(made.report(samples=made.samples(real_input=real)))
    assert "TensorFlow without oneDNN cannot: &lt;nchw&gt;" in html
    assert '<p class="warn">DISAGREES: Sobel edges, float32 NHWC: KeyError: &lt;planted' in html


def test_the_page_is_about_the_subject() -> None:
    times = made.speed(subject="other.lib:conv2d")
    html = page.render(made.report(times=times, samples=made.samples(ledger=None)))
    assert "<title>other.lib:conv2d and TensorFlow: they agree</title>" in html
    assert "Ledger of differences" not in html
    assert "Ledger of differences" in page.render(made.report())


def test_a_table_of_the_terminal_keeps_its_colours_and_nothing_else() -> None:
    table = Table(title="<title>")
    table.add_column("a\nb")
    table.add_column("c", justify="right")
    table.add_row("[bold red]<x>[/] y", "[dim]1[/]")
    html = str(page.table(table))
    assert "<caption>&lt;title&gt;</caption>" in html
    assert '<th>a<br>b<th class="n">c' in html
    assert '<td><span class="b bad">&lt;x&gt;</span> y' in html
    assert '<td class="n"><span class="dim">1</span>' in html


def test_the_forest_has_a_title_and_figures_for_each_layer() -> None:
    speed = made.speed()
    svg = forest.draw(speed)
    assert svg.index('class="tip"') > svg.index(">4.00<")  # what is hovered lies on top
    root = read(svg)
    told = tips(root)
    assert len(told) == 1 + len(speed.rows)
    for row in speed.rows:
        [mine] = [words for words in told if f": {row.name}\n" in words]
        assert row.token in mine
        assert f"ratio {row.ratios['kernel'].ratio:.2f} (" in mine
    written = texts(root)
    assert {"0.25", "4.00", "1.70", "◀ faster", "ten lines\n/ TF"} & {*written} >= {"0.25", "4.00"}
    assert written.count("1.70") == 2 + 1  # two layers and their mean
    assert "busy machine: not to be trusted" not in written


def test_the_forest_has_marks_for_onednn_and_a_busy_machine() -> None:
    row = planted.row(
        planted.times(0.5, 12, 0.005, **{FORCED: 0.8, TEN_LINES: 3.0}), other_work=0.2
    )
    written = texts(read(forest.draw(planted.speed([row]))))
    assert "ratio to TF + oneDNN" in written
    assert "+oneDNN" in written
    assert "busy machine: not to be trusted" in written


@pytest.mark.parametrize("example", photographs.examples(), ids=lambda example: example.name)
def test_the_photographs_are_in_the_wheel(example: photographs.Example) -> None:
    x, w = example.arrays()
    assert x.size > 100_000
    assert float(x.max()) > 0.9
    assert example.case(x).filters_shape == w.shape


def test_only_npconv_has_the_layers_of_other_functions() -> None:
    nets = ["small", "depthwise", "transposes", "c3d"]
    ours, theirs = (
        supported(nets, Scope(subject)) for subject in ("npconv:conv2d", "torch:conv2d")
    )
    assert {layer.net for layer in ours} == set(nets)
    assert {layer.net for layer in theirs} == {"small"}
    without = Scope("npconv:conv2d", without=frozenset({"SAME"}))
    assert {layer.case.padding for layer in supported(nets, without)} == {"VALID"}

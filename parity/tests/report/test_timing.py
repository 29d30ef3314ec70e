"""The speed half of the page, drawn from made-up figures: each optional part, and none of them."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from parity.report import document, forest, page, timing
from parity.speed import limits, rows
from parity.speed import regret as planner
from parity.speed.questions import asked, turns
from parity.tests.report.test_report import proof, results, speed

PEAKS = {"1": 50.0, "default": 98.5}


def full() -> dict[str, Any]:
    """Return times at two settings of threads, with everything that can be asked for."""
    made = speed()
    made["rows"] = [
        row | {"threads": threads}
        for threads in (1, "default")
        for row in copy.deepcopy(made["rows"])
    ]
    for row in made["rows"]:
        times = {name: [1e-3 * t for t in some] for name, some in row["times_milliseconds"].items()}
        times |= {limits.PRODUCT: [0.006] * 6, limits.COPY: [0.001] * 6, "<other>": [0.001] * 6}
        if row["threads"] == 1:
            times[limits.CASTS] = [0.0022] * 6
        row |= rows.summarise(times, row["multiply_adds"])
        row["flags"] = []
        row["scratch_bytes"] = 5 << 18
        row["peak_share"] = {"subject": 0.417, "tensorflow": 0.5}
        row["beside"] = {"<other>": {"error": 0.5}, "loop": {"refused": "<too slow>"}}
    made["rows"][0] |= {"flags": ["drift", "bimodal", "noisy"], "interval_reached": False}
    made["machine"] |= {"gemm_peak_gflops": PEAKS, "gemm_peak_gflops_float64": PEAKS}
    made["settings"]["threads"] = [1, "default"]
    made["summary"] = rows.summary(made["rows"])
    return made


def answers(agrees: bool = True) -> dict[str, Any]:
    """Return a document of one question: one row is calm, one doubtful or in disagreement."""
    names = (asked.SUBJECT, asked.AGAIN, asked.TENSORFLOW, "scipy.<x>")
    one = {"contender": "scipy.<x>", "beside": "subject", "largest": 2.0, "allowed": 1.0}
    label = "subject / fastest of <scipy>"
    times = {name: [0.001 * 2**n] * 6 for n, name in enumerate(names)}
    timed = turns.summarise(times, [(label, asked.SUBJECT, ["scipy.<x>"])]) | {"other_work": 0.0}
    doubted = {**timed, "doubtful": True, "other_work": 0.3} if agrees else {}
    calm = {**timed, "doubtful": False}
    return {
        "machine": {
            **dict.fromkeys(("cpu", "cores", "subject", "tensorflow", "onednn"), "<b>&"),
            "scipy": "<9>",
        },
        "settings": {"subject": "npconv:conv2d", "seconds_a_row": 5.0, "took_seconds": 1.0},
        "questions": [
            {
                "name": "stack",
                "title": "<heading>",
                "asked": "<asked>",
                "contenders": list(names),
                "labels": [label],
                "rows": [
                    {
                        "name": name,
                        "dtype": "float64",
                        "agrees": right,
                        "notes": {"scipy.<x>": "<note>"},
                        "differences": [one | {"agrees": right}],
                        **more,
                    }
                    for name, right, more in (("<calm>", True, calm), ("<row>", agrees, doubted))
                ],
            }
        ],
        "agree": agrees,
    }


def regrets(disagree: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a document of the planner's regret: one layer near the best, two far from it."""
    made: list[dict[str, Any]] = [
        {
            "net": "<net>",
            "name": f"layer {ratio}",
            "count": 1,
            "token": "<token>",
            "threads": "default",
            "chosen": "<tiles>",
            "admissible": ["<tiles>", "banded"],
            "disagree": [],
            "best": "banded" if ratio > 1 else "<tiles>",
            "regret": {"ratio": ratio, "low": ratio - 0.01, "high": ratio + 0.01},
        }
        for ratio in (1.0, 1.25, 1.5)
    ]
    for row in made[: len(disagree)]:
        row["disagree"] = list(disagree)
        del row["best"], row["regret"]
    same = {key: speed()["machine"][key] for key in ("cpu", "cores", "subject", "version", "blas")}
    return {
        "machine": same | {"numpy": "<old>"},
        "settings": speed()["settings"],
        "rows": made,
        "summary": planner.summary(made),
    }


def drawn(times: dict[str, Any], **optional: Any) -> str:
    return page.render(document.build(results(), times, proof(), **optional), results())


def test_each_net_is_drawn_once_for_each_setting_of_threads() -> None:
    picture, html = forest.draw(full()), drawn(full())
    for net in ("resnet50", "small"):
        for words in ("1 thread", "default threads"):
            assert html.count(f'class="group">{net}, {words}<') == 1
            assert f'<span class="dim">{net}, {words}, ' in html
    assert picture.count(">, 1 thread<") == picture.count(">, default threads<") == 2
    assert picture.count("<title>float32") == len(full()["rows"])
    assert picture.count('r="3"') == len(full()["rows"]) + 1  # tf.function, and the legend
    assert picture.count(">42 %<") == len(full()["rows"])


def test_what_was_measured_besides_the_times_is_shown() -> None:
    html = drawn(full())
    assert html.count(">42 : 50<") == html.count(">1.25<") == len(full()["rows"])
    for word, meaning in timing.FLAGS.items():
        assert html.count(f'<span title="{meaning}">{word}</span>') == 1
    assert "1 thread: 50 GFLOP/s, default threads: 98.5 GFLOP/s" in html
    assert "Threads: 1, then default." in html


def test_what_bounds_numpy_and_what_else_there_is_have_tables_of_their_own() -> None:
    html = drawn(full())
    assert "What bounds NumPy" in html
    # The product takes 6 ms and, on one thread, the casts 2.2; TensorFlow takes 4.
    nets = {row["net"] for row in full()["rows"]}
    rows_and_means = len(full()["rows"]) // 2 + len(nets)
    assert html.count("<b>2.05</b>") == html.count("<b>1.50</b>") == rows_and_means
    assert "What else you could use" in html
    assert '<th class="n">&lt;other&gt;</th>' in html
    assert 'title="&lt;too slow&gt;"' in html
    assert "<other>" not in html
    assert "<too slow>" not in html


def test_a_layer_without_room_for_its_patches_is_counted() -> None:
    made = full()
    for name in (limits.PRODUCT, limits.COPY):
        for part in ("times_milliseconds", "milliseconds", "gflops", "ratios"):
            del made["rows"][0][part][name]
    assert "1 more: their patches are too large" in drawn(made)


def test_the_questions_are_shown_with_their_doubts() -> None:
    html = drawn(speed(), questions=answers())
    for word in ("heading", "asked", "note", "calm", "row", "9"):
        assert f"&lt;{word}&gt;" in html
        assert f"<{word}>" not in html.partition("<body>")[2]
    assert "oneDNN &lt;b&gt;&amp; in TensorFlow as installed" in html
    assert "fastest of &lt;scipy&gt;" in html
    assert "subject / scipy.&lt;x&gt;: faster" in html
    assert html.count(">MISTRUST</span>") == 1
    assert "MISTRUST (&lt;row&gt;)" in html
    assert "Not measured for this page: S=100 N=50 K=11, S=1000 N=50 K=11" in html
    assert "2 of 2 answers" in html


def test_a_wrong_answer_makes_the_report_disagree() -> None:
    html = drawn(speed(), questions=answers(agrees=False))
    assert "they DISAGREE" in html
    assert "scipy.&lt;x&gt; differs from subject by 2, allowed is 1" in html


def test_the_regret_is_shown_the_farthest_first() -> None:
    html = drawn(speed(), regret=regrets())
    assert "1 of 3, <b>33.3 %</b>" in html
    places = [html.index(f"&lt;net&gt;: layer {ratio}") for ratio in (1.5, 1.25, 1.0)]
    assert places == sorted(places)
    assert html.index("Layers farther from the best") < places[0]
    assert places[1] < html.index("The 1 layers that are near") < places[2]
    assert "numpy was &lt;old&gt;, is" in html
    assert "they DISAGREE" not in html


def test_an_algorithm_that_is_wrong_makes_the_report_disagree() -> None:
    html = drawn(speed(), regret=regrets(("<tiles>",)))
    assert "they DISAGREE" in html
    assert "&lt;net&gt;: layer 1.0: &lt;tiles&gt;" in html


def test_a_page_without_any_optional_part_shows_none() -> None:
    html = drawn(speed())
    for heading in ("bounds NumPy", "else you could use", "four questions", "regret", "scratch"):
        assert heading not in html
    assert "of GEMM" not in forest.draw(speed())
    assert "not timed" in drawn(speed("DISAGREES"))


@pytest.mark.parametrize("part", ["questions", "regret"])
def test_the_schema_refuses_an_optional_part_with_a_hole(part: str) -> None:
    whole: Any = {"questions": answers(), "regret": regrets()}[part]
    del whole["machine"]["cpu"]
    with pytest.raises(jsonschema.ValidationError, match="'cpu' is a required property"):
        document.build(results(), speed(), proof(), **{part: whole})

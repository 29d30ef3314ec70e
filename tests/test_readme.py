"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_its_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(block, names)  # it asserts for itself
    assert names["result"].shape == (1, 112, 112, 64)
    assert names["slow"].shape == (1, 8, 8, 64)

    text = README.replace("```", "")
    shown = doctest.DocTestParser().get_doctest(text, names, "README.md", None, 0)
    assert len(shown.examples) == 5
    results = doctest.DocTestRunner().run(shown)
    assert results.failed == 0


def run(page: Path) -> tuple[int, int]:
    """Run a page's Python blocks, then what it shows; return how many of each there were."""
    text, names = page.read_text("utf-8"), {}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for block in blocks:
        exec(block, names)
    text = re.sub("```.*", "", text)
    shown = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(shown).failed == 0
    return len(blocks), len(shown.examples)


def test_the_pages_examples_run():
    root = Path(__file__).parents[1]
    counts = [run(page) for page in [root / "PARITY.md", *sorted((root / "docs").glob("*.md"))]]
    blocks, shown = map(sum, zip(*counts, strict=True))
    assert blocks >= 7
    assert shown >= 9


def test_a_wrong_example_is_found(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n\n```\n>>> x\n2\n```\n")
    with pytest.raises(AssertionError):
        run(page)
    assert "Expected:\n    2\nGot:\n    1\n" in capsys.readouterr().out

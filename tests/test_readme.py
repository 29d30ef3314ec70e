"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

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


def test_the_pages_examples_run():
    pages = sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
    blocks = [
        block
        for page in pages
        for block in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    assert blocks
    for block in blocks:
        exec(block, {})

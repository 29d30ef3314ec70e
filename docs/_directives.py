"""Directives of the pages: what npconv draws, matrices, the ledger, the explorer of SAME."""

from __future__ import annotations

import json
import re
import tomllib
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
EXPLORER = """<div id="explorer" class="explorer">
<noscript>The explorer needs JavaScript. All that it says, npconv.explain says too.</noscript></div>
<svg width="0" height="0" aria-hidden="true"><pattern id="same-hatch" width="6" height="6"
 patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="2" height="6" fill="currentColor" opacity=".35"/></pattern></svg>
<script type="application/json" id="same-recipes">RECIPES</script>
<script src="_static/same.js"></script><script src="_static/explorer.js"></script>"""


class Page(Directive):
    """A directive that knows the names which the page's Python blocks have given."""

    has_content = True

    def value(self, expression: str) -> Any:
        """Return the value of an expression after the page's Python blocks."""
        source = Path(self.state.document["source"]).read_text("utf-8")
        names: dict[str, Any] = {}
        for block in re.findall(r"```python\n(.*?)```", source, re.DOTALL):
            exec(block, names)
        return eval(expression, names)


class Picture(Page):
    """A call of `npconv.explain`, and what it draws in a notebook."""

    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Show the call, then the picture."""
        code = "\n".join(self.content)
        drawn = self.value(code)._repr_html_()
        alt = escape(self.options["alt"])
        drawn = drawn.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
        return [
            nodes.literal_block(code, code, language="python"),
            nodes.raw("", drawn.replace("<div>", '<div class="drawn">', 1), format="html"),
        ]


class Matrices(Page):
    """A line each: the name or expression of a matrix, or what stands between two of them."""

    def run(self) -> list[nodes.Node]:
        """Show the matrices side by side, each a table under its name."""
        parts = []
        for line in self.content:
            if re.search(r"\w", line) is None:
                parts.append(f"<span>{escape(line)}</span>")
                continue
            matrix = np.atleast_2d(self.value(line))
            rows = ("".join(f"<td>{value:g}</td>" for value in row) for row in matrix)
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            parts.append(f"<table><caption>{escape(line)}</caption>{body}</table>")
        return [nodes.raw("", f'<div class="matrices">{"".join(parts)}</div>', format="html")]


class Ledger(Directive):
    """The rows of the ledger of differences that one of TensorFlow's builds shows."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the rows as a table."""
        text = (ROOT / "parity" / "ledger" / "divergences.toml").read_text("utf-8")
        lines = ["| row | TensorFlow | npconv | why |", "|---|---|---|---|"]
        for row in tomllib.loads(text)["divergence"]:
            if row["build"] == self.arguments[0]:
                name = f"[`{row['id']}`]({row['url']})" if "url" in row else f"`{row['id']}`"
                cells = name, row["tensorflow"], row["npconv"], row["why"]
                lines.append(
                    f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
                )
        found = nodes.container(classes=["ledger"])
        self.state.nested_parse(StringList(lines, "divergences.toml"), 0, found)
        return [found]


class Explorer(Directive):
    """The explorer of SAME; its recipes are in the page, as none may fetch a file."""

    def run(self) -> list[nodes.Node]:
        """Write where it is drawn, and its data and scripts."""
        recipes = json.loads((ROOT / "docs" / "recipes.json").read_text("utf-8"))
        data = json.dumps(recipes).replace("<", "\\u003c")  # no markup ends the script
        return [nodes.raw("", EXPLORER.replace("RECIPES", data), format="html")]


def escape_stars(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: Any) -> None:
    """Let `(*kernel, C)` be a shape in docstrings, no emphasis."""
    lines[:] = [re.sub(r"([(,] ?)\*(?=[a-z])", r"\1\\*", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.connect("autodoc-process-docstring", escape_stars)
    for directive in (Picture, Matrices, Ledger, Explorer):
        app.add_directive(directive.__name__.lower(), directive)
    return {"parallel_read_safe": True}

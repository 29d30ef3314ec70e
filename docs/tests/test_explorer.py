"""The explorer's arithmetic, in a browser, held against npconv's."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import npconv

sys.path.append(str(Path(__file__).resolve().parents[2]))  # for parity; an installed npconv wins
from npconv._geometry import Axis
from parity.theorems.recipes import RECIPES, right

SITE = Path(__file__).resolve().parents[2] / "build" / "docs"
SCRIPT = (SITE / "_static" / "same.js").read_text("utf-8")
NAMES = "chromium", "chromium-browser", "google-chrome", "chrome"
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
LIMIT = 2**31 - 1

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)}")

Setting = tuple[int, int, int, int, Any]  # size, kernel, stride, dilation, padding


def run(page: Path) -> Any:
    """Return what a page's scripts leave in its element `answer`, as JSON."""
    profile = f"--user-data-dir={page.parent / 'profile'}"
    options = "--headless", "--no-sandbox", "--disable-gpu", profile, "--dump-dom"
    command = [str(BROWSER), *options, page.as_uri()]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r'<pre id="answer">(.*?)</pre>', text, re.DOTALL)
    assert found is not None
    return json.loads(unescape(found[1]))


def answers(folder: Path, scripts: list[str], expression: str, given: Any) -> list[Any]:
    """Return what an expression of `same`, each script's object, and `given` is in a browser."""
    code = f"""<!doctype html><meta charset="utf-8"><pre id="answer"></pre><script>
    const given = {json.dumps(given)}, answers = [];
    const plain = (key, value) => typeof value === "bigint" ? String(value) : value;
    const answer = (same) => answers.push({expression});</script>"""
    for script in scripts:
        code += f"<script>{script}</script><script>answer(globalThis.npconvSame)</script>"
    code += """<script>
    document.getElementById("answer").textContent = JSON.stringify(answers, plain);</script>"""
    page = folder / "page.html"
    page.write_text(code, encoding="utf-8")
    found: list[Any] = run(page)
    assert len(found) == len(scripts)
    return found


def grid() -> Iterator[Setting]:
    """Yield all small settings."""
    paddings = "SAME", "VALID", [0, 1], [2, 1], [3, 3]
    for n, k, s, d in product(range(11), range(1, 6), range(1, 5), range(1, 4)):
        for padding in paddings:
            yield n, k, s, d, padding


def large(count: int) -> Iterator[Setting]:
    """Yield drawn settings of any magnitude up to the limit, which is among them."""
    draw = random.Random(0)

    def one(least: int) -> int:
        return draw.choice(
            [LIMIT, least, least + draw.randrange(min(LIMIT, 1 << draw.randint(1, 31)))]
        )

    for _ in range(count):
        padding = draw.choice(["SAME", "VALID", [one(0), one(0)]])
        yield min(one(0), LIMIT), *(min(one(1), LIMIT) for _ in range(3)), padding


SETTINGS = [*grid(), *large(3000)]


def windows(outputs: int) -> list[int]:
    """Return of which outputs the first pixel is compared: all, or those at the ends."""
    return list(range(outputs)) if outputs <= 12 else [0, 1, outputs // 2, outputs - 1]


def of_npconv(setting: Setting) -> list[str]:
    """Return outputs, pads, and where windows begin, as npconv has them."""
    padding = setting[4] if isinstance(setting[4], str) else tuple(setting[4])
    axis = Axis.resolve(*setting[:4], padding)
    firsts = [axis.span((i, i + 1), (0, 1)).first for i in windows(axis.outputs)]
    return [str(number) for number in (axis.outputs, axis.before, axis.after, *firsts)]


def differing(folder: Path, scripts: list[str]) -> list[list[Setting]]:
    """Return for each script the settings for which its numbers are not npconv's."""
    right = [of_npconv(setting) for setting in SETTINGS]
    given = [[*one, windows(int(of[0]))] for one, of in zip(SETTINGS, right, strict=True)]
    found = answers(
        folder, scripts,
        "given.map(([n, k, s, d, p, at]) => { const axis = same.resolve(n, k, s, d, p);"
        " const firsts = at.map((i) => same.first(axis, i));"
        " return [axis.outputs, axis.before, axis.after, ...firsts]; })",
        given,
    )  # fmt: skip
    return [
        [one for one, of, by in zip(SETTINGS, right, numbers, strict=True) if of != by]
        for numbers in found
    ]


def test_the_numbers_are_npconvs(tmp_path: Path) -> None:
    distinct = len(set(map(str, SETTINGS)))
    assert distinct >= 4000
    assert differing(tmp_path, [SCRIPT]) == [[]]
    print(f"the explorer's numbers are npconv's in {distinct:,} distinct settings, up to {LIMIT}")


PLANTED = {
    "before = total / 2n": "before = (total + 1n) / 2n",
    "max(0n, (outputs - 1n) * s + extent - n)": "(outputs - 1n) * s + extent - n",
    "(n + s - 1n) / s": "n / s",
    "(n + before + after - extent + s) / s": "floor(n + before + after - extent + s, s)",
    "* axis.stride - axis.before": "* axis.stride - axis.after",
    "(k - 1n) * d + 1n": "BigInt((Number(k) - 1) * Number(d)) + 1n",
}


def test_planted_errors_are_found(tmp_path: Path) -> None:
    assert all(right in SCRIPT for right in PLANTED)
    wrong = [SCRIPT.replace(right, planted) for right, planted in PLANTED.items()]
    found = dict(zip(PLANTED, differing(tmp_path, wrong), strict=True))
    assert all(found.values()), found


def test_what_it_says_is_so(tmp_path: Path) -> None:
    """Unread pixels, PyTorch's call and NumPy's, of small settings."""
    settings = [one for one in grid() if int(of_npconv(one)[0]) > 0 and one[0] > 0]
    (found,) = answers(
        tmp_path, [SCRIPT],
        "given.map((one) => { const axis = same.resolve(...one);"
        " return [same.unread(axis), same.torch(axis), same.numpy(axis)]; })",
        settings,
    )  # fmt: skip
    for (n, k, s, d, padding), (unread, torch, code) in zip(settings, found, strict=True):
        pads = padding if isinstance(padding, str) else [[0, 0], [0, 0], padding, padding]
        of = npconv.explain((1, 1, n, n), (k, k, 1, 1), s, pads, "NCHW", d)
        assert torch == of.torch_call
        axis = of.geometry.axes[0]
        reads = {i * s + t * d - axis.before for i in range(axis.outputs) for t in range(k)}
        assert unread == sorted(set(range(n)) - reads)
        x, w = np.arange(1.0, n + 1), np.arange(1.0, k + 1) ** 2
        pads = pads if isinstance(pads, str) else [[0, 0], padding, [0, 0]]
        # (n,) -> (1, n, 1), (k,) -> (k, 1, 1)
        right = npconv.conv1d(x.reshape(1, n, 1), w.reshape(k, 1, 1), s, pads, "NWC", d)
        names = {"np": np, "sliding_window_view": sliding_window_view, "x": x, "w": w}
        assert eval(code, names).tolist() == right.ravel().tolist(), code


def test_recipes_are_the_provers(tmp_path: Path) -> None:
    """What each gives, and whether that is right, in small and large settings."""
    settings = [one[:4] for one in SETTINGS if one[0] > 0 and one[4] == "SAME"]
    planted = SCRIPT.replace("both(k / 2n)", "both((k - 1n) / 2n)")
    found, wrong = answers(
        tmp_path, [SCRIPT, planted],
        "Object.fromEntries(Object.entries(same.recipes).map(([id, recipe]) => [id,"
        " [recipe.padding, ...given.map((one) => [...recipe.of(...one.map(BigInt)),"
        " same.agrees(recipe, same.resolve(...one, 'SAME'))])]]))",
        settings,
    )  # fmt: skip
    assert {id for id in found if found[id] != wrong[id]} == {"half-kernel"}
    assert found.keys() == {recipe.id for recipe in RECIPES}
    for recipe in RECIPES:
        values = [[*map(str, recipe.function(*one)), right(recipe, *one)] for one in settings]
        assert found[recipe.id] == [recipe.padding, *values], recipe.id
    print(f"{len(RECIPES)} recipes give the same in Python, in {len(settings):,} settings each")


SHOWN = {
    "n=224&k=7&s=2&d=1&p=SAME&i=111": "112 outputs. Pads: 2 before, 3 after.",
    "n=7&k=2&s=3&d=1&p=VALID": "3 pixels never read: 2, 5, 6.",
    "n=5&k=3&s=1&d=2&p=explicit&b=1&a=2": "4 outputs. Pads: 1 before, 2 after.",
    "n=2147483647&k=2147483647&s=2&d=2147483647&p=SAME": "1073741824 outputs.",
    "n=3&k=3&s=1&d=3&p=VALID": "exceeds the 3 pixels by two strides or more",
    "n=2&k=3&s=1&d=1&p=VALID": "0 outputs.",
    "n=many": "This cannot be: size: expected a whole number",
    "n=-1": "size: expected a whole number from 0 to 2147483647, received -1.",
    "n=1&k=0": "kernel: expected a whole number from 1 to 2147483647, received 0.",
    "n=1&k=1&s=2.5": "stride: expected a whole number from 1 to 2147483647, received 2.5.",
    f"n=1&s=1&d={2**31}": f"dilation: expected a whole number from 1 to {LIMIT}, received {2**31}.",
    "n=1&d=1&p=explicit&b=": "before: expected a whole number from 0 to 2147483647, received noth",
    "n=1&k=1&s=1&d=1&p=%3Cb%3E": "This cannot be: padding: expected SAME, VALID or two pads",
}
VISIT = """<pre id="answer"></pre><script>
const part = (kind) => document.querySelector("#explorer " + kind);
const seen = { shown: [], unnamed: 0, controls: 0 };
for (const address of %s) {
    history.replaceState(null, "", "#" + address);
    dispatchEvent(new HashChangeEvent("hashchange"));
    seen.shown.push([part(".words").textContent, Boolean(part("svg .output.current"))]);
}
for (const control of document.querySelectorAll("#explorer :is(input, button, [tabindex])")) {
    seen.controls++;
    if (!control.labels?.length && !control.ariaLabel && !control.textContent) seen.unnamed++;
}
history.replaceState(null, "", "#n=10&k=3&s=2&d=1&p=SAME");
dispatchEvent(new HashChangeEvent("hashchange"));
const slider = part("input[type=range]");  // as the arrow keys and typing do
slider.value = 11;
slider.dispatchEvent(new Event("input", { bubbles: true }));
part("input[value=VALID]").click();
seen.moved = [part("#same-n").value, location.hash, part(".words").textContent];
document.getElementById("answer").textContent = JSON.stringify(seen);
</script></body>"""


def test_the_page_follows_its_address_and_its_controls(tmp_path: Path) -> None:
    site = Path(shutil.copytree(SITE, tmp_path / "site"))
    page = site / "same.html"
    code = page.read_text("utf-8").replace("</body>", VISIT % json.dumps(list(SHOWN)))
    page.write_text(code, encoding="utf-8")
    seen = run(page)
    for (address, words), (text, drawn) in zip(SHOWN.items(), seen["shown"], strict=True):
        assert words in text, (address, text)
        assert drawn == (" outputs." in text and "0 outputs." not in text), address
    assert seen["controls"] >= 17
    assert seen["unnamed"] == 0
    size, address, text = seen["moved"]
    assert (size, address) == ("11", "#n=11&k=3&s=2&d=1&p=VALID&i=0")
    assert "5 outputs. Pads: 0 before, 0 after." in text

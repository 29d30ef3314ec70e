"""The built site: links lead somewhere, nothing comes from the network, every name is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import npconv

SITE = Path(__file__).resolve().parents[2] / "build" / "docs"
SETTING = re.compile(r"n=\d+(&(amp;)?[a-z]=\w+)+$")  # of the explorer
# What a browser fetches without being asked: src everywhere, and links that are no places to go.
FETCHED = re.compile(
    r'\bsrc(?:set)?="([^"]*)"|<link\b(?=[^>]*(?:stylesheet|icon|preload))[^>]*href="([^"]*)"'
)


def anchors(page: str) -> set[str]:
    """Return where links into a page may point."""
    return {"", *re.findall(r'\bid="([^"]*)"', page)}


def broken(site: Path) -> list[str]:
    """Name the internal links that lead nowhere, by the page that has them."""
    pages = {path.resolve(): path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}
    anchored = {path: anchors(page) for path, page in pages.items()}
    found = []
    for path, page in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', page):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = anchored.get(target, {parts.fragment})
            shown = "explorer" in known and SETTING.match(parts.fragment)
            if not target.is_file() or not (shown or unquote(parts.fragment) in known):
                found.append(f"{path.name}: {link}")
    return found


def fetched(site: Path) -> list[str]:
    """Name what pages and style sheets load from elsewhere than the site."""
    pages = [(path, path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))]
    links = [(path, "".join(link)) for path, page in pages for link in FETCHED.findall(page)]
    for path in sorted(site.rglob("*.css")):
        links += [
            (path, link)
            for link in re.findall(
                r"(?:url\(|@import)[\s\"']*([^\s\"')]+)", path.read_text("utf-8")
            )
        ]
    return [f"{path.name}: {link}" for path, link in links if re.match(r"(?!data:)\w+:|//", link)]


def undocumented(site: Path) -> set[str]:
    """Return the public names without an entry in the page of the API."""
    parts = npconv, npconv.testing, npconv.reference
    names = {f"{part.__name__}.{name}" for part in parts for name in part.__all__}
    known = anchors((site / "api.html").read_text("utf-8"))
    return names - {name.removeprefix("module-") for name in known}


def problems(site: Path) -> list[str]:
    """Name all that is wrong with a site."""
    return [*broken(site), *fetched(site), *sorted(undocumented(site))]


def test_the_site_is_whole() -> None:
    assert len(list(SITE.rglob("*.html"))) >= 8
    assert problems(SITE) == []


@pytest.mark.parametrize(
    ("page", "old", "new", "problem"),
    [
        *(
            ("index.html", "</body>", f'<a href="{link}">x</a></body>', f"index.html: {link}")
            for link in ("nowhere.html", "same.html#nowhere", "#nowhere", "#n=1&k=1", "_static/no")
        ),
        *(
            ("index.html", "</body>", f'<{element}="{link}"></body>', f"index.html: {link}")
            for element, link in (
                ("script src", "https://cdn.example.org/x.js"),
                ('link rel="stylesheet" href', "//fonts.example.org/x.css"),
                ("img src", "http://example.org/x.png"),
            )
        ),
        (
            "_static/site.css",
            ".drawn {",
            "@import 'https://example.org/x';",
            "site.css: https://example.org/x",
        ),
        ("api.html", 'id="npconv.conv1d"', "", "npconv.conv1d"),
    ],
)
def test_a_planted_problem_is_found(
    tmp_path: Path, page: str, old: str, new: str, problem: str
) -> None:
    site = Path(shutil.copytree(SITE, tmp_path / "site"))
    text = (site / page).read_text("utf-8")
    assert old in text
    (site / page).write_text(text.replace(old, new), encoding="utf-8")
    assert problem in problems(site)

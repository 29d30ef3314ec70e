"""The built site: links lead somewhere, nothing comes from the network, every name is there."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import npconv

SITE = Path(__file__).resolve().parents[2] / "build" / "docs"
LOADING = {"src", "srcset", "poster", "data"}  # attributes whose files a browser loads by itself


class Page(HTMLParser):
    """The links, anchors and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, loads and names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        loaded = [given[name] for name in LOADING if name in given]
        if tag == "link" and given.get("rel") not in (
            "canonical",
            "index",
            "next",
            "prev",
            "search",
        ):
            loaded.append(given["href"])
        self.loaded += loaded
        self.links += loaded + ([given["href"]] if "href" in given else [])


def broken(site: Path) -> list[str]:
    """Name the internal links that lead nowhere, by the page that has them."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            if not target.is_file() or (known and unquote(parts.fragment) not in known.anchors):
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return found


def fetched(site: Path) -> list[str]:
    """Name what pages and style sheets load from elsewhere than the site."""
    found = []
    for path in sorted(site.rglob("*.html")):
        for link in Page(path).loaded:
            parts = urlsplit(link)
            if parts.netloc or parts.scheme not in ("", "data"):
                found.append(f"{path.name}: {link}")
    for path in sorted(site.rglob("*.css")):
        text = path.read_text("utf-8")
        found += [
            f"{path.name}: {word}" for word in ("url(http", "url(//", "@import") if word in text
        ]
    return found


def undocumented(site: Path) -> set[str]:
    """Return the public names without an entry in the page of the API."""
    names = {f"npconv.{name}" for name in npconv.__all__ if name not in ("reference", "testing")}
    for module in (npconv.testing, npconv.reference):
        names |= {f"{module.__name__}.{name}" for name in module.__all__}
    return names - Page(site / "api.html").anchors


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the site, to plant errors in."""
    return Path(shutil.copytree(SITE, tmp_path / "site"))


def test_internal_links_lead_somewhere() -> None:
    assert len(list(SITE.rglob("*.html"))) >= 8
    assert broken(SITE) == []


def test_nothing_is_loaded_from_the_network() -> None:
    assert fetched(SITE) == []


def test_every_public_name_is_documented() -> None:
    assert undocumented(SITE) == set()


@pytest.mark.parametrize(
    "link", ["nowhere.html", "same.html#nowhere", "#nowhere", "_static/no.png"]
)
def test_a_planted_broken_link_is_found(copied: Path, link: str) -> None:
    page = copied / "index.html"
    page.write_text(page.read_text("utf-8").replace("</body>", f'<a href="{link}">x</a></body>'))
    assert broken(copied) == [f"index.html: {link}"]


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/x.css">',
        '<img src="http://example.org/x.png">',
    ],
)
def test_a_planted_network_resource_is_found(copied: Path, planted: str) -> None:
    page = copied / "index.html"
    page.write_text(page.read_text("utf-8").replace("</body>", f"{planted}</body>"))
    assert len(fetched(copied)) == 1


def test_a_missing_name_is_found(copied: Path) -> None:
    page = copied / "api.html"
    page.write_text(page.read_text("utf-8").replace('id="npconv.conv1d"', ""))
    assert undocumented(copied) == {"npconv.conv1d"}

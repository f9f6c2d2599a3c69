"""Which pages has the site, in which order, and are all its links good?"""

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath

import fastapi_offline

from crm_site.described import api_pages, problems_page
from crm_site.markdown import page_of
from crm_site.page import Page, framed

FRONT_END = ("http", "problems", "importing")
OPERATING = ("watching", "operating", "metrics", "logs-and-traces", "local-stack", "recovery", "reliability", "performance")
SUBSCRIBING = ("events", "consuming", "webhooks", "erasure", "sealing")
ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css")


def build(root: Path, target: Path) -> list[str]:
    """Write the site into `target`, anew; returns what is wrong with its links, a line each (none: all lead somewhere, and nothing is fetched from outside)."""
    shutil.rmtree(target, ignore_errors=True)
    menu = _menu(root)
    pages = {page.path: page for group in menu.values() for page in group}
    for page in pages.values():
        (target / page.path).parent.mkdir(parents=True, exist_ok=True)
        (target / page.path).write_text(framed(page, menu))
    static = Path(fastapi_offline.__file__).parent / "static"
    for name in ASSETS:
        shutil.copy(static / name, target / name)
    return [f"{page.path}: {wrong}" for page in pages.values() for wrong in _wrong(page, framed(page, menu), pages)]


def _menu(root: Path) -> dict[str, list[Page]]:
    files = [PurePosixPath(file.relative_to(root).as_posix()) for file in sorted((root / "docs").rglob("*.md"))]
    written = {page.path.relative_to("docs").with_suffix("").as_posix(): page for page in [problems_page(), *(page_of(root, file) for file in files)]}
    groups = {
        "Begin": [page_of(root, PurePosixPath("README.md"))],
        "If you build a front end": [*_taken(written, FRONT_END), *api_pages(root)],
        "If you operate it": _taken(written, OPERATING),
        "If you subscribe": [*_taken(written, SUBSCRIBING), *_under(written, "events/")],
        "Runbooks": _under(written, "runbooks/"),
        "Decisions": _under(written, "decisions/"),
    }
    return {**groups, "How it works": list(written.values())}


def _taken(written: dict[str, Page], names: tuple[str, ...]) -> list[Page]:
    return [written.pop(name) for name in names if name in written]


def _under(written: dict[str, Page], folder: str) -> list[Page]:
    return [written.pop(name) for name in sorted(written, key=lambda name: (not name.endswith("index"), name)) if name.startswith(folder)]


class _Links(HTMLParser):
    """Where a page's links lead, and what it makes a browser fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.fetched = list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "a":
            self.links.append(told.get("href") or "")
        elif address := told.get("src") or (told.get("href") if tag == "link" else None):
            self.fetched.append(address)


def _wrong(page: Page, text: str, pages: dict[PurePosixPath, Page]) -> Iterator[str]:
    found = _Links(text)
    for address in found.fetched:
        if re.match(r"([a-z]+:|//)", address) or PurePosixPath(normpath(page.path.parent / address)).name not in ASSETS:
            yield f"fetches {address}"
    for link in found.links:
        if re.match(r"http://localhost[:/]", link):
            continue  # what the reader runs
        path, _, anchor = link.partition("#")
        there = pages.get(PurePosixPath(normpath(page.path.parent / path))) if path else page
        if there is None:
            yield f"{link} leads to no page"
        elif anchor and anchor not in there.anchors:
            yield f"{link} leads to no heading"

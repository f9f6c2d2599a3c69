"""How does a Markdown file become a page? Headings get the ids that GitHub gives them, links to other files become links to their pages."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt
from markdown_it.token import Token

from crm_site.page import Page

_READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def page_of(root: Path, file: PurePosixPath) -> Page:
    """The page of a file below `root`. ValueError for a link that leads to nothing in the project."""
    tokens = _READER.parse((root / file).read_text())
    anchors, title = _headings(tokens), str(file.stem)
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            title = "".join(child.content for child in following.children or () if child.type in ("text", "code_inline"))
            break
    for token in tokens:
        token.children = _linked(token.children, root, file) if token.children else token.children
    body = _READER.renderer.render(tokens, _READER.options, {})
    return Page(place_of(file), title, body, frozenset(anchors))


def place_of(file: PurePosixPath) -> PurePosixPath:
    """`README.md` is the front page; any other file keeps its folder."""
    return PurePosixPath("index.html") if str(file) == "README.md" else file.with_suffix(".html")


def slug(heading: str) -> str:
    """The id GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _headings(tokens: list[Token]) -> list[str]:
    seen, given = Counter[str](), []
    for token, following in pairwise(tokens):
        if token.type != "heading_open":
            continue
        name = slug("".join(child.content for child in following.children or () if child.type in ("text", "code_inline")))
        number, seen[name] = seen[name], seen[name] + 1
        given.append(f"{name}-{number}" if number else name)
        token.attrSet("id", given[-1])
    return given


def _linked(tokens: list[Token], root: Path, file: PurePosixPath) -> list[Token]:
    """Links to Markdown lead to pages; a folder or a file of code is named without a link, for the site holds none."""
    kept, plain = list[Token](), 0
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href")), root, file)
            if target is None:
                plain += 1
                continue
            token.attrSet("href", target)
        elif token.type == "link_close" and plain:
            plain -= 1
            continue
        kept.append(token)
    return kept


def _target(href: str, root: Path, file: PurePosixPath) -> str | None:
    path, _, anchor = href.partition("#")
    if re.match(r"[a-z]+:", href) or not path:
        return href
    found = (root / file.parent / path).resolve()
    if not found.exists():
        raise ValueError(f"{file}: {href} leads to nothing.")
    if found.suffix != ".md":
        return None
    there = place_of(PurePosixPath(found.relative_to(root.resolve()).as_posix()))
    back = "../" * (len(place_of(file).parts) - 1)
    return f"{back}{there}" + (f"#{anchor}" if anchor else "")

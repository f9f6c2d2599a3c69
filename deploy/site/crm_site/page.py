"""What is one page of the site? Where it stands, its title, its HTML, and which headings may be pointed at."""

from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { margin: 0; font: 16px/1.55 system-ui, "Vazirmatn", "Noto Naskh Arabic", sans-serif; display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
nav { padding: 1rem; border-inline-end: 1px solid var(--line); font-size: .9rem; height: 100vh; overflow: auto; }
nav { position: sticky; top: 0; box-sizing: border-box; }
nav h2 { font-size: .8rem; margin: 1rem 0 .2rem; opacity: .7; }
nav a { display: block; text-decoration: none; padding: .05rem 0; }
nav a[aria-current] { font-weight: 700; }
main { padding: 1rem 2rem 4rem; max-width: 70rem; box-sizing: border-box; }
main.wide { max-width: none; }
pre { overflow: auto; padding: .7rem; background: var(--soft); direction: ltr; }
code { font-size: .9em; }
table { border-collapse: collapse; display: block; overflow: auto; }
td, th { border: 1px solid var(--line); padding: .3rem .6rem; text-align: start; vertical-align: top; }
@media (max-width: 50rem) { body { display: block; } nav { height: auto; position: static; border: 0; } }
"""


@dataclass(frozen=True)
class Page:
    """`path` in the site, as `docs/http.html`; `body` is HTML; `anchors` are the ids in it; `head` is HTML for its head."""

    path: PurePosixPath
    title: str
    body: str
    anchors: frozenset[str] = frozenset()
    head: str = ""
    wide: bool = False

    def to(self, other: PurePosixPath) -> str:
        """The relative address of another page."""
        return "../" * (len(self.path.parts) - 1) + str(other)


def framed(page: Page, menu: dict[str, list[Page]]) -> str:
    """The whole document: the menu beside the body."""
    links = "".join(f"<h2>{escape(group)}</h2>{''.join(_link(page, other) for other in pages)}" for group, pages in menu.items() if pages)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(page.title)}</title><style>{STYLE}</style>{page.head}'
    main = f'<main class="{"wide" if page.wide else "text"}">{page.body}</main>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><nav>{links}</nav>{main}</body></html>'


def _link(page: Page, other: Page) -> str:
    here = ' aria-current="page"' if other.path == page.path else ""
    return f'<a href="{page.to(other.path)}"{here}>{escape(other.title)}</a>'

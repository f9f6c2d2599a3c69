"""Is everything that is written in one site that needs no network, and does each of its links lead somewhere?"""

from pathlib import Path

import pytest
from browser import shown
from crm_chassis.problems import KINDS
from crm_site.building import build

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    assert build(ROOT, made) == []
    return made


def test_every_page_is_in_it_and_in_the_menu_of_each(site: Path) -> None:
    pages = {file.relative_to(ROOT).with_suffix(".html").as_posix() for file in (ROOT / "docs").rglob("*.md")}
    apis = {f"docs/api/{name}.html" for name in ("contacts", "tickets", "loyalty", "reporting", "crm")}
    assert len(pages) > 40
    assert {file.relative_to(site).as_posix() for file in site.rglob("*.html")} == pages | apis | {"index.html", "docs/problems.html"}
    front = (site / "index.html").read_text()
    assert all(f'href="{page}"' in front for page in pages | apis)
    assert all(f'id="{kind}"' in (site / "docs/problems.html").read_text() for kind in KINDS)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("[x](docs/nowhere.md)", "docs/nowhere.md leads to nothing"),
        ("[x](docs/here.md#not-there)", "docs/here.html#not-there leads to no heading"),
        ("[x](#nor-there)", "#nor-there leads to no heading"),
        ("[x](https://example.org/page)", "https://example.org/page leads to no page"),
        ("![x](https://example.org/picture.png)", "fetches https://example.org/picture.png"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, written: str, wrong: str) -> None:
    (tmp_path / "docs" / "api").mkdir(parents=True)
    (tmp_path / "docs" / "here.md").write_text("# Here\n\n## A part: `of` it\n\nاینجا [up](../README.md) [down](#a-part-of-it) [code](../src)\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "README.md").write_text("# Front\n\n[here](docs/here.md#a-part-of-it)\n")
    assert build(tmp_path, tmp_path / "site") == []
    (tmp_path / "README.md").write_text(f"# Front\n\n{written}\n")
    try:
        told = build(tmp_path, tmp_path / "site")
    except ValueError as error:
        told = [str(error)]
    assert len(told) == 1
    assert wrong in told[0]


def test_a_browser_shows_an_api_from_the_disk_and_asks_nobody(site: Path, tmp_path: Path) -> None:
    seen = shown(f"file://{site}/docs/api/tickets.html", tmp_path)
    assert "opblock-summary-path" in seen.dom and "/v1/tickets" in seen.dom, "the operations are drawn by the page's own script"
    assert "Unable to render" not in seen.dom
    assert not seen.asked, "it asks nobody for anything"


def test_a_page_that_asks_somebody_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<link rel="stylesheet" href="http://127.0.0.1:9/style.css"><img src="https://example.org/picture.png">')
    assert shown(f"file://{tmp_path}/page.html", tmp_path).asked == {"http://127.0.0.1:9/style.css", "https://example.org/picture.png"}

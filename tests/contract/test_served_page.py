"""Does a real browser draw the page that each service serves of its API, with its examples, and ask nobody but the service?"""

from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from browser import shown

OPENED = {  # the operation a link leads to, and what its example holds
    "contacts": ("contacts/registerContact", "۰۹۱۲ ۴۴۵ ۶۶ ۷۷"),
    "tickets": ("tickets/openTicket", "چای دیر رسید"),
    "loyalty": ("transactions/recordTransaction", "GT-100"),
    "reporting": ("inputs/setTarget", "csat"),
}


@pytest.mark.parametrize("service", OPENED)
def test_the_served_page_shows_every_operation_and_asks_nobody_else(service: str, stack: Mapping[str, str], tmp_path: Path) -> None:
    url, (operation, held) = stack[f"{service.upper()}_URL"], OPENED[service]
    paths = httpx2.get(f"{url}/openapi.json").json()["paths"]
    seen = shown(f"{url}/docs#/{operation}", tmp_path, milliseconds=30_000)
    assert seen.dom.count('class="opblock-summary-path"') == sum(len(item) for item in paths.values())
    assert held in seen.dom
    assert seen.asked and all(each.startswith(f"{url}/") for each in seen.asked), seen.asked
    assert {each.removeprefix(url) for each in seen.asked} >= {"/openapi.json", "/static-offline-docs/swagger-ui-bundle.js"}

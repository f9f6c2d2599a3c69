"""Which pages come from the code and the committed documents? The API of each service, to read and to try, and what each problem means."""

from html import escape
from pathlib import Path, PurePosixPath

import orjson
from crm_chassis.problems import KINDS

from crm_site.page import Page

API = PurePosixPath("docs/api")


def api_pages(root: Path) -> list[Page]:
    """A page a document, drawn by Swagger UI from what the page itself holds: a browser reads no other file from a disk."""
    return [_api_page(file) for file in sorted((root / API).glob("*.json"))]


def _api_page(file: Path) -> Page:
    document = orjson.loads(file.read_bytes())
    held = orjson.dumps(document).decode().replace("</", "<\\/")
    told = '{dom_id: "#api", spec: JSON.parse(document.getElementById("document").textContent), validatorUrl: null, deepLinking: false, docExpansion: "list"}'
    body = (
        f'<div id="api"></div><script type="application/json" id="document">{held}</script>'
        f'<script src="../../swagger-ui-bundle.js"></script><script>SwaggerUIBundle({told})</script>'
    )
    place = (API / file.name).with_suffix(".html")
    return Page(place, document["info"]["title"], body, frozenset({"api"}), '<link rel="stylesheet" href="../../swagger-ui.css">', wide=True)


def problems_page() -> Page:
    """One row a type; a service shows the same at the address in `type`."""
    rows = "".join(
        f'<tr id="{kind}"><td><code>/problems/{kind}</code></td><td>{row.status}</td><td>{escape(row.title)}</td><td>{escape(row.advice)}</td></tr>'
        for kind, row in sorted(KINDS.items(), key=lambda item: (item[1].status, item[0]))
    )
    head = "<tr><th>type</th><th>status</th><th>what happened</th><th>what to do</th></tr>"
    body = f"<h1>Problems</h1><p>What a request is refused with: <code>application/problem+json</code>, RFC 9457.</p><table>{head}{rows}</table>"
    return Page(PurePosixPath("docs/problems.html"), "Problems", body, frozenset(KINDS))

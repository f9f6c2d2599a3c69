"""How is an example sent, put together from the document that shows it?"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

SHOWN_HEADERS = ("ETag", "Location", "Consistency-Token", "View-State")  # of an answer, those that are shown with it
PATIENCE = 60.0  # seconds a request that is answered 503 is sent again, as a client would
NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Told:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: Any


def send(http: httpx2.Client, document: Mapping[str, Any], shown: Mapping[str, Any]) -> Told:
    """Send an example (`operation`, `path`, `query`, `header`, `body`) to the service `http` talks to, by its document."""
    method, template = next(
        (method, path) for path, item in document["paths"].items() for method, each in item.items() if each["operationId"] == shown["operation"]
    )
    path = template.format(**{name: quote(str(value), safe="") for name, value in shown.get("path", {}).items()})
    asked: dict[str, Any] = {"params": shown.get("query") or None, "headers": dict(shown.get("header", {}))}
    body = shown.get("body")
    if isinstance(body, str):
        asked["content"] = body.encode()
        asked["headers"]["Content-Type"] = NDJSON
    elif body is not None:
        asked["json"] = body
    content = document["paths"][template][method]["responses"]["200"].get("content", {})
    if "text/event-stream" in content:
        return _first_event(http, path, asked)
    until = time.monotonic() + PATIENCE
    while True:
        answer = http.request(method.upper(), path, **asked)
        if answer.status_code != 503 or time.monotonic() > until:
            break
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 1))
    read = answer.text if answer.headers.get("Content-Type", "").startswith(NDJSON) else answer.json() if answer.content else None
    return Told(answer.status_code, {name: answer.headers[name] for name in SHOWN_HEADERS if name in answer.headers}, read)


def _first_event(http: httpx2.Client, path: str, asked: dict[str, Any]) -> Told:
    with http.stream("GET", path, **asked) as answer:
        lines: list[str] = []
        for line in answer.iter_lines():
            if not line and any(each.startswith("data:") for each in lines):
                break
            if line and not line.startswith(":"):
                lines.append(line)
        return Told(answer.status_code, {}, "\n".join(lines) + "\n\n")

"""What must hold of every problem, and how is a fresh idempotency key sent?"""

import uuid
from typing import Any

import httpx2


def keyed(key: str | None = None) -> dict[str, str]:
    """The header of a command."""
    return {"Idempotency-Key": key or uuid.uuid4().hex}


def problem(answer: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    """The body of an answer that must be this problem."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["type"]) == (status, f"/problems/{kind}"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status and body["title"] and body["detail"] and body["request_id"] == answer.headers["request-id"]
    assert body["instance"] == answer.request.url.path
    return body

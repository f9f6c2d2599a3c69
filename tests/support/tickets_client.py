"""How would a help desk's screen talk to the tickets service?"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import httpx2
from crm_chassis.issuer import Issuer

WEEK = {day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
CALENDAR = {"time_zone": "Europe/Berlin", "week": WEEK, "holidays": [{"date": "2024-05-01", "name": "Labour Day"}], "valid_from": "2020-01-01T00:00:00Z"}


@dataclass
class Desk:
    """JSON in, the response out; every POST with a key of its own unless one is given."""

    http: httpx2.AsyncClient
    issuer: Issuer
    token: str

    def by(self, *scopes: str, customer: str | None = None, subject: str | None = None) -> "Desk":
        more = {"subject": subject} if subject else {}
        return Desk(self.http, self.issuer, self.issuer.token(scopes, customer=customer, **more))

    async def send(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> httpx2.Response:
        known = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {})
        return await self.http.request(method, path, json=body, headers=known | {name.replace("_", "-"): value for name, value in headers.items()})

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("POST", path, body, **more)

    async def put(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("PUT", path, body, **more)

    async def commands(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        known = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        answer = await self.http.post("/v1/commands", content="".join(json.dumps(line) + "\n" for line in lines), headers=known)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    async def category(self, **fields: Any) -> str:
        """A category with a calendar and a policy of its own."""
        name = f"c{uuid.uuid4().hex[:10]}"
        ok(await self.put(f"/v1/calendars/{name}", CALENDAR))
        told = {
            "rank": 0, "when": {"categories": [name]}, "targets": {"first_reply": 60, "resolution": 480}, "calendar": name,
            "pauses": {"resolution": ["pending"]}, "valid_from": "2020-01-01T00:00:00Z",
        }  # fmt: skip
        ok(await self.put(f"/v1/sla-policies/{name}", told | fields))
        return name

    async def open(self, *, key: str | None = None, **fields: Any) -> httpx2.Response:
        body = {"customer_id": str(uuid.uuid4()), "kind": "question", "channel": "web", "subject": "s", "text": "t", "priority": "normal"}
        return await self.post("/v1/tickets", body | fields, key=key)

    async def opened(self, **fields: Any) -> dict[str, Any]:
        return ok(await self.open(**fields), 201)

    async def say(self, ticket: dict[str, Any], kind: str = "agent", **fields: Any) -> httpx2.Response:
        body = {"author": {"kind": kind, "id": "agent-7"}, "visibility": "public", "channel": "web", "text": "…"}
        return await self.post(f"/v1/tickets/{ticket['id']}/messages", body | fields)

    async def resolve(self, ticket: dict[str, Any], **fields: Any) -> httpx2.Response:
        return await self.post(f"/v1/tickets/{ticket['id']}/resolution", {"resolution": "done", "agent_id": "agent-7"} | fields)

    async def read(self, ticket: dict[str, Any]) -> dict[str, Any]:
        return ok(await self.get(f"/v1/tickets/{ticket['id']}"))

    async def clock(self, ticket: dict[str, Any], metric: str) -> dict[str, Any]:
        found: dict[str, Any] = next(clock for clock in (await self.read(ticket))["clocks"] if clock["metric"] == metric)
        return found


def ok(answer: httpx2.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body

"""How would a front-end team talk to the contacts service?"""

import random
import uuid
from dataclasses import dataclass
from typing import Any

import httpx2
from crm_chassis.issuer import Issuer


@dataclass
class Api:
    """JSON in, the response out; every POST with a key of its own unless one is given."""

    http: httpx2.AsyncClient
    issuer: Issuer
    token: str

    def by(self, *scopes: str, customer: str | None = None) -> "Api":
        return Api(self.http, self.issuer, self.issuer.token(scopes, customer=customer))

    async def send(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> httpx2.Response:
        known = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {})
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, path, json=body, headers=known | sent)

    async def get(self, path: str) -> httpx2.Response:
        return await self.send("GET", path)

    async def post(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("POST", path, body, **more)

    async def put(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("PUT", path, body, **more)

    async def patch(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("PATCH", path, body, **more)

    async def person(self, **fields: Any) -> dict[str, Any]:
        return ok(await self.post("/v1/contacts", {"kind": "person", "name": "مریم رضایی"} | fields), 201)

    async def merge(self, survivor: str, absorbed: str) -> httpx2.Response:
        return await self.post("/v1/merges", {"survivor_id": survivor, "absorbed_id": absorbed, "reason": "same person"})

    async def contact(self, contact_id: str) -> dict[str, Any]:
        return ok(await self.get(f"/v1/contacts/{contact_id}"))

    async def found(self, **question: Any) -> list[str]:
        return [item["id"] for item in ok(await self.post("/v1/contacts/lookup", question))["items"]]


def ok(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code} {response.text[:600]}"
    return response.json()


def problem(response: httpx2.Response, status: int, kind: str) -> dict[str, Any]:
    body = response.json()
    assert (response.status_code, body["type"]) == (status, f"/problems/{kind}"), response.text[:600]
    return body


def mail() -> dict[str, str]:
    return {"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}


def digits(count: int) -> str:
    return "".join(random.choices("123456789", k=count))


def word() -> str:
    return "".join(random.choices("ابپتجدرزسشفلمنو", k=9))

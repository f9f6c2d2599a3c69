"""How would a shop's till talk to the loyalty service?"""

import uuid
from dataclasses import dataclass
from typing import Any

import httpx2
from crm_chassis.issuer import Issuer

RULE = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
TIERS = [{"name": name, "from_points": points, "window": {"kind": "rolling", "months": 12}} for name, points in (("silver", 0), ("gold", 500))]
PROGRAMME = {
    "currency": "EUR", "earning": [RULE], "pending_days": 0, "expiry": {"months": 12}, "tiers": TIERS, "point_value": {"points": 10, "amount": 5},
    "valid_from": "2020-01-01T00:00:00Z",
}  # fmt: skip


@dataclass
class Till:
    """JSON in, the response out; every POST with a key of its own unless one is given."""

    http: httpx2.AsyncClient
    issuer: Issuer
    token: str

    def by(self, *scopes: str, customer: str | None = None) -> "Till":
        return Till(self.http, self.issuer, self.issuer.token(scopes, customer=customer))

    async def send(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> httpx2.Response:
        known = {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {})
        return await self.http.request(method, path, json=body, headers=known | {name.replace("_", "-"): value for name, value in headers.items()})

    async def get(self, path: str) -> httpx2.Response:
        return await self.send("GET", path)

    async def post(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("POST", path, body, **more)

    async def put(self, path: str, body: Any, **more: Any) -> httpx2.Response:
        return await self.send("PUT", path, body, **more)

    async def programme(self, **fields: Any) -> str:
        name = f"p{uuid.uuid4().hex[:10]}"
        ok(await self.put(f"/v1/programmes/{name}", PROGRAMME | fields))
        return name

    async def member(self, **fields: Any) -> dict[str, Any]:
        body = {"customer_id": str(uuid.uuid4())} | fields
        if "programme" not in fields:
            body["programme"] = await self.programme()
        return ok(await self.post("/v1/members", {name: value for name, value in body.items() if value is not None}), 201)

    async def sell(self, member: dict[str, Any], *lines: tuple[int, int], **fields: Any) -> httpx2.Response:
        goods = [
            {"sku": f"s{number}", "category": "books", "quantity": quantity, "list_price": price, "paid_price": price}
            for number, (quantity, price) in enumerate(lines)
        ]
        more = {name: fields.pop(name) for name in ("key",) if name in fields}
        return await self.post(f"/v1/members/{member['id']}/transactions", {"document": uuid.uuid4().hex, "channel": "web", "lines": goods} | fields, **more)

    async def buy(self, member: dict[str, Any], *lines: tuple[int, int], **fields: Any) -> dict[str, Any]:
        return ok(await self.sell(member, *lines, **fields), 201)

    async def points(self, member: dict[str, Any]) -> dict[str, Any]:
        return ok(await self.get(f"/v1/members/{member['id']}/points"))

    async def reserve(self, member: dict[str, Any], points: int, *, occurred_at: str | None = None, **more: Any) -> httpx2.Response:
        told = {"occurred_at": occurred_at} if occurred_at else {}
        return await self.post(f"/v1/members/{member['id']}/redemptions", {"points": points} | told, **more)

    async def confirm(self, member: dict[str, Any], redemption: str) -> httpx2.Response:
        return await self.put(f"/v1/members/{member['id']}/redemptions/{redemption}/confirmation", {})

    async def cancel(self, member: dict[str, Any], redemption: str, **more: Any) -> httpx2.Response:
        return await self.post(f"/v1/members/{member['id']}/redemptions/{redemption}/cancellation", {"reason": "returned"}, **more)


def ok(response: httpx2.Response, status: int = 200) -> Any:
    assert response.status_code == status, f"{response.status_code} {response.text[:600]}"
    return response.json()

"""Does anything that can be sent make a service fail, or answer what its document does not say? schemathesis asks, every operation of one service.

`python tests/support/fuzzing.py` is `make fuzz`: the running stack's services, for as many cases an operation as CASES says.
"""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
SERVICES = ("contacts", "tickets", "loyalty", "reporting")


def acquaintances(stack: Mapping[str, str]) -> dict[str, str]:
    """A customer with a complaint, an offer to make it good, a membership, a purchase and a right, by the names that paths and bodies give their ids."""
    contact, other = (_made(stack, "contacts", "/v1/contacts", {"kind": "person", "name": "ناهید کریمی"}) for _ in range(2))
    told = {"customer_id": contact, "kind": "complaint", "channel": "phone", "priority": "high", "subject": "دیر رسید", "text": "هنوز نرسیده است."}
    ticket, member = _made(stack, "tickets", "/v1/tickets", told), _made(stack, "loyalty", "/v1/members", {"customer_id": contact})
    line = {"sku": "چای", "category": "tea", "quantity": 2, "list_price": 900, "paid_price": 850}
    sale = {"document": uuid.uuid4().hex, "channel": "shop", "currency": "EUR", "lines": [line]}
    transaction = _made(stack, "loyalty", f"/v1/members/{member}/transactions", sale)
    offer = _made(stack, "tickets", f"/v1/tickets/{ticket}/recoveries", {"kind": "refund"})
    work = {"agent_id": "agent-7", "role": "support", "activity": "courier", "seconds": 60, "customer_facing": False, "ticket_id": ticket}
    care = {"customer_id": contact, "about_id": ticket, "due_at": "2190-01-01T00:00:00Z"}
    heard = {"customer_id": contact, "source": "inline", "topic": "packaging", "text": "جعبه خیس بود."}
    idea = {"title": "جعبهٔ دوجداره", "text": "خشک می‌ماند."}
    right = _made(stack, "loyalty", "/v1/entitlements", {"customer_id": contact, "kind": "warranty", "scope": "چای‌ساز"})
    asked = _made(stack, "contacts", f"/v1/contacts/{contact}/surveys", {"survey": "autumn", "channel": "web"})
    pair = _made(stack, "contacts", "/v1/matches", {"contact_id": contact, "other_id": other})
    owed = {"document": uuid.uuid4().hex, "amount": {"amount": 900, "currency": "EUR"}, "due_at": "2199-01-01T00:00:00Z"}
    invoice = _made(stack, "loyalty", "/v1/invoices", {"customer_id": contact} | owed)
    told = {"name": "بهار", "channel": "sms", "starts_at": "2001-01-01T00:00:00Z", "ends_at": "2199-01-01T00:00:00Z", "control_percent": 0}
    spring = _made(stack, "loyalty", "/v1/offers", told)
    aimed = _made(stack, "loyalty", f"/v1/offers/{spring}/targets", {"customer_id": contact})
    present = _made(stack, "loyalty", "/v1/rewards", {"customer_id": contact, "kind": "قاشق", "cost": {"amount": 90, "currency": "EUR"}})
    dearer = {"sku": uuid.uuid4().hex, "from_price": 900, "to_price": 950, "currency": "EUR", "effective_from": "2027-01-01T00:00:00Z"}
    price = _made(stack, "loyalty", "/v1/prices", dearer)
    rule = {"id": "base", "basis": "line", "points_per": {"points": 1, "amount": 100}}
    terms = {"currency": "EUR", "earning": [rule], "pending_days": 0, "expiry": {"months": None}, "tiers": [], "point_value": {"points": 1, "amount": 1}}
    club, headers = uuid.uuid4().hex, {"Authorization": f"Bearer {stack['TOKEN']}"}
    terms |= {"referral": {"reward": "قوری", "amount": 250, "return_days": 14}, "valid_from": "2020-01-01T00:00:00Z"}
    httpx2.put(f"{stack['LOYALTY_URL']}/v1/programmes/{club}", json=terms, headers=headers, timeout=60).raise_for_status()
    _made(stack, "loyalty", "/v1/members", {"customer_id": contact, "programme": club})
    referral = _made(stack, "loyalty", "/v1/referrals", {"customer_id": contact, "programme": club})
    return {
        "contact_id": contact,
        "customer_id": contact,
        "other_id": other,
        "survivor_id": contact,
        "absorbed_id": other,
        "ticket_id": ticket,
        "member_id": member,
        "transaction_id": transaction,
        "entitlement_id": right,
        "reward_id": present,
        "price_id": price,
        "referral_id": referral,
        "offer_id": spring,
        "target_id": aimed,
        "invoice_id": invoice,
        "recovery_id": offer,
        "match_id": pair,
        "survey_id": asked,
        "work_id": _made(stack, "tickets", "/v1/work", work),
        "followup_id": _made(stack, "tickets", "/v1/followups", care),
        "feedback_id": _made(stack, "tickets", "/v1/feedback", heard),
        "idea_id": _made(stack, "tickets", "/v1/ideas", idea),
    }


def fuzz(url: str, token: str, *, known: Mapping[str, str], cases: int, seed: int, folder: Path) -> tuple[int, str]:
    """How many cases were sent to all operations at `url`, and what failed, as the program tells it ("" = nothing). RuntimeError if it could not ask."""
    folder.mkdir(parents=True, exist_ok=True)
    asked = [str(PROGRAM), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {token}", "--checks", CHECKS, "--continue-on-failure"]
    bounds = ["--max-examples", str(cases), "--seed", str(seed), "--generation-database", "none", "--request-timeout", "30", "--suppress-health-check", "all"]
    bounds += ["--exclude-path-regex", "/stream$"]  # one that is let in does not end: tests of its own ask it
    hooks = {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent), "FUZZ_KNOWN": json.dumps(known)}
    ran = subprocess.run([*asked, *bounds, "--no-color"], cwd=folder, env=os.environ | hooks, capture_output=True, text=True)
    sent = re.search(r"^  ([\d,]+) generated", ran.stdout, re.MULTILINE)
    if sent is None or ran.returncode not in (0, 1):
        raise RuntimeError((ran.stdout + ran.stderr)[-3000:])
    return int(sent[1].replace(",", "")), ran.stdout if ran.returncode else ""


def tidy(stack: Mapping[str, str]) -> None:
    """What a fuzz may have done that stands in others' way: sources that it paused go on, receivers that it made up are told nothing."""
    headers = {"Authorization": f"Bearer {stack['TOKEN']}"}
    with httpx2.Client(base_url=stack["REPORTING_URL"], headers=headers, timeout=60) as http:
        for source in SERVICES:
            http.post(f"/v1/operations/projection/{source}/resume", headers={"Idempotency-Key": uuid.uuid4().hex}).raise_for_status()
        for item in http.get("/v1/webhooks?limit=200").raise_for_status().json()["items"]:
            http.delete(f"/v1/webhooks/{item['id']}").raise_for_status()


def _made(stack: Mapping[str, str], service: str, path: str, body: dict[str, Any]) -> str:
    headers = {"Authorization": f"Bearer {stack['TOKEN']}", "Idempotency-Key": uuid.uuid4().hex}
    return str(httpx2.post(stack[f"{service.upper()}_URL"] + path, json=body, headers=headers, timeout=60).raise_for_status().json()["id"])


def main() -> int:
    """Against build/stack.env; prints what failed."""
    root = Path(__file__).resolve().parents[2]
    stack = dict(line.removeprefix("export ").split("=", 1) for line in (root / "build" / "stack.env").read_text().splitlines() if "=" in line)
    stack, failed = {name: value.strip("'\"") for name, value in stack.items()}, False
    for service in SERVICES:
        cases, seed = int(os.environ.get("CASES") or 100), int(os.environ.get("SEED") or 1)
        known = acquaintances(stack)
        sent, wrong = fuzz(stack[f"{service.upper()}_URL"], stack["TOKEN"], known=known, cases=cases, seed=seed, folder=root / "build" / "fuzz" / service)
        print(f"{service}: {sent} cases, {'FAILED' if wrong else 'passed'}\n{wrong}")  # noqa: T201
        failed |= bool(wrong)
    tidy(stack)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

"""Does a tea house's autumn of 1405, sixty steps through three services, end in the view that a person computed by hand?

Every step is told with the time at which it happened, as a service desk would note it; the view is read as of the evening of 29 Aban, so that nothing in it
depends on the day on which the test runs. The figures at the end were worked out on paper, beside each step that moves them.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from front_end import Client, ok, token

SOON = 60.0
EVENING = "2026-11-20T18:00:00Z"  # ۲۹ آبان ۱۴۰۵، ۲۱:۳۰
OPEN = [["08:00", "12:00"], ["13:00", "17:00"]]
TEA, BLACK, SAFFRON = "چای-سبز", "چای-سیاه", "زعفران"


class Desk:
    """Tells the story: `step` is one line of the desk's diary; what was acknowledged is remembered by its token."""

    def __init__(self, client: Client) -> None:
        self.client, self.diary, self.tokens = client, list[str](), list[str]()

    def step(self, line: str, service: str, method: str, path: str, body: Any = None) -> Any:
        self.diary.append(line)
        answer = self.client.send(service, method, path, body)
        ok(answer)
        self.tokens.append(token(answer))
        return answer.json()

    def refused(self, line: str, rule: str, service: str, method: str, path: str, body: Any = None) -> httpx2.Response:
        """A step that a rule forbids, by its stable name."""
        self.diary.append(line)
        answer = self.client.send(service, method, path, body)
        said = answer.json()
        assert not answer.is_success and rule in (said.get("rule"), said["type"].removeprefix("/problems/")), f"{line}: {answer.text}"
        return answer

    def asked(self, line: str, service: str, path: str, body: Any) -> Any:
        self.diary.append(line)
        return ok(self.client.send(service, "POST", path, body))


@pytest.fixture
def desk(stack: dict[str, str]) -> Iterator[Desk]:
    client = Client(stack)
    yield Desk(client)
    client.close()


def test_sixty_steps_end_in_the_view_a_person_computed_by_hand(desk: Desk) -> None:
    mark = uuid.uuid4().hex[:10]
    club, hours, promise = f"club-{mark}", f"hours-{mark}", f"promise-{mark}"

    # The house sets its terms.
    week = dict.fromkeys(("sat", "sun", "mon", "tue", "wed"), OPEN) | {"thu": [["08:00", "12:00"]]}
    holidays = [{"date": "2026-10-01", "name": "تعطیل رسمی، ۹ مهر ۱۴۰۵"}]
    calendar = {"time_zone": "Asia/Tehran", "week": week, "holidays": holidays, "valid_from": "2026-03-20T20:30:00Z"}
    desk.step("ساعت کار: شنبه تا چهارشنبه، پنج‌شنبه تا ظهر", "tickets", "PUT", f"/v1/calendars/{hours}", calendar)
    targets = {"first_reply": 60, "resolution": 480}
    policy = {"rank": 0, "when": {"categories": [mark]}, "targets": targets, "calendar": hours, "pauses": {"resolution": ["pending"]}}
    policy |= {"valid_from": "2026-03-20T20:30:00Z"}
    desk.step("پیمان خدمت: پاسخ در یک ساعت، حل در هشت ساعت کاری", "tickets", "PUT", f"/v1/sla-policies/{promise}", policy)
    base = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 10_000}, "multiplier": "1", "rounding": "floor", "stop": False}
    green = base | {"id": "green", "when": {"categories": ["green_tea"]}, "multiplier": "2", "stop": True}
    tiers = [{"name": name, "from_points": points, "window": {"kind": "rolling", "months": 12}} for name, points in (("bronze", 0), ("silver", 250))]
    terms = {"currency": "IRR", "earning": [green, base], "pending_days": 0, "expiry": {"months": 12}, "tiers": tiers}
    terms |= {"point_value": {"points": 10, "amount": 5000}, "valid_from": "2026-03-20T20:30:00Z"}
    desk.step("باشگاه: هر ده هزار ریال یک امتیاز، چای سبز دو برابر", "loyalty", "PUT", f"/v1/programmes/{club}", terms)

    # Shirin becomes known (۱ تا ۴ مهر).
    phone = f"۰۹۱۳{uuid.uuid4().int % 10**7:07d}"
    told: dict[str, Any] = {"kind": "person", "name": "شیرین فرهادی", "language": "fa", "time_zone": "Asia/Tehran", "roles": ["buyer"]}
    told |= {"identifiers": [{"kind": "phone", "value": phone}], "source": {"system": "web", "reference": "فرم-۸۱"}, "occurred_at": "2026-09-23T05:30:00Z"}
    shirin = desk.step("شیرین فرم سایت را پر کرد", "contacts", "POST", "/v1/contacts", told)
    her, key = f"/v1/contacts/{shirin['id']}", shirin["identifiers"][0]["id"]
    desk.refused("همکاری همان شماره را برای دیگری نوشت", "identifier-taken", "contacts", "POST", "/v1/contacts", {
        "kind": "person", "name": "علی", "identifiers": [{"kind": "phone", "value": phone.replace("۰۹۱۳", "+98 913 ")}],
    })  # fmt: skip
    desk.refused("و شماره‌ی صفرها را برای سومی", "identifier-blocked", "contacts", "POST", "/v1/contacts", {
        "kind": "person", "name": "هیچ‌کس", "identifiers": [{"kind": "phone", "value": "۰۰۰۰۰۰۰۰۰۰۰"}],
    })  # fmt: skip
    desk.step("شماره با پیامک تأیید شد", "contacts", "PUT", f"{her}/identifiers/{key}/verification", {
        "method": "sms_code", "occurred_at": "2026-09-23T05:32:00Z",
    })  # fmt: skip
    consent = {"status": "granted", "text_version": "1405-1", "evidence": "تیک در فرم ۸۱", "occurred_at": "2026-09-23T05:30:00Z"}
    desk.step("اجازه‌ی پیامک تبلیغاتی داد", "contacts", "PUT", f"{her}/consents/marketing/sms", consent)
    windows = [{"days": ["sat", "mon"], "from": "17:00", "to": "20:00", "time_zone": "Asia/Tehran"}]
    liking = {"channel": "sms", "time_windows": windows, "frequency_cap": {"count": 2, "per_days": 30}, "occurred_at": "2026-09-23T05:31:00Z"}
    desk.step("عصرها و با پیامک، ماهی دو بار", "contacts", "PUT", f"{her}/preferences", liking)
    desk.step("کارشناس ۷ پیگیر اوست", "contacts", "PUT", f"{her}/owner", {"agent_id": "agent-7", "occurred_at": "2026-09-24T06:00:00Z"})
    desk.step("گفت چای سبز لاهیجان می‌خواهد", "contacts", "POST", f"{her}/needs", {
        "need": "green_tea", "weight": 80, "occurred_at": "2026-09-24T06:05:00Z",
    })  # fmt: skip
    thread = str(uuid.uuid4())
    call = {"channel": "phone", "direction": "inbound", "duration_seconds": 300, "agent_id": "agent-7", "sentiment": "positive", "conversation_id": thread}
    desk.step("زنگ زد و پرسید", "contacts", "POST", f"{her}/interactions", call | {"text": "قیمت؟", "occurred_at": "2026-09-24T06:00:00Z"})
    back = {"channel": "phone", "direction": "outbound", "agent_id": "agent-7", "conversation_id": thread, "occurred_at": "2026-09-24T09:00:00Z"}
    desk.step("به او زنگ زدیم", "contacts", "POST", f"{her}/interactions", back)  # a thread with both directions: 1 of 1
    shop = desk.step("کارفرمایش هم مشتری است", "contacts", "POST", "/v1/contacts", {
        "kind": "organisation", "name": "بازرگانی نوروز", "occurred_at": "2026-09-25T06:00:00Z",
    })  # fmt: skip
    desk.step("شیرین آنجا کار می‌کند", "contacts", "POST", f"{her}/relationships", {
        "kind": "works_for", "other_id": shop["id"], "occurred_at": "2026-09-25T06:05:00Z",
    })  # fmt: skip

    # She buys (۵ تا ۲۵ مهر).
    joined = {"customer_id": shirin["id"], "programme": club, "card_number": f"CLUB-{mark}", "occurred_at": "2026-09-26T06:00:00Z"}
    member = desk.step("عضو باشگاه شد", "loyalty", "POST", "/v1/members", joined)
    desk.refused("دوباره عضو نمی‌شود", "already-exists", "loyalty", "POST", "/v1/members", joined)
    till = f"/v1/members/{member['id']}"
    first = {"document": f"ف-{mark}-۱", "channel": "web", "occurred_at": "2026-09-27T07:00:00Z", "lines": [
        {"sku": TEA, "category": "green_tea", "quantity": 2, "list_price": 450_000, "paid_price": 450_000},  # 900,000 paid → 90 × 2 = 180
        {"sku": BLACK, "category": "black_tea", "quantity": 1, "list_price": 325_000, "paid_price": 305_000},  # 305,000 paid → 30.5, floor 30
    ]}  # fmt: skip
    sale = desk.step("خرید نخست: چای سبز و سیاه", "loyalty", "POST", f"{till}/transactions", first)
    assert sale["points"] == 210
    desk.refused("همان فاکتور دوباره فرستاده شد", "already-exists", "loyalty", "POST", f"{till}/transactions", first)
    second = {"document": f"ف-{mark}-۲", "channel": "in_person", "discount_reason": "loyal", "occurred_at": "2026-10-12T12:30:00Z", "lines": [
        {"sku": SAFFRON, "category": "saffron", "quantity": 1, "list_price": 1_800_000, "paid_price": 1_620_000},  # → 162; 372 earned: silver
    ]}  # fmt: skip
    assert desk.step("خرید دوم: زعفران با تخفیف", "loyalty", "POST", f"{till}/transactions", second)["points"] == 162
    desk.step("یک بسته چای سبز برگشت", "loyalty", "POST", f"{till}/returns", {
        "transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}], "reason": "not_fresh", "occurred_at": "2026-10-17T08:00:00Z",
    })  # fmt: skip
    # 180 − 90 of the green lot are left: 282 points; 282 earned in the window keep silver
    desk.refused("بسته‌ی سومی برای برگشتن نیست", "nothing-to-return", "loyalty", "POST", f"{till}/returns", {
        "transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 2}], "occurred_at": "2026-10-17T08:05:00Z",
    })  # fmt: skip

    # Her complaint is answered in time, for 9 Mehr was a holiday (۸ تا ۱۱ مهر).
    asks = {"customer_id": shirin["id"], "kind": "complaint", "channel": "web", "priority": "high", "category": mark}
    late = desk.step("چهارشنبه ۱۶:۳۰: بسته دیر رسید", "tickets", "POST", "/v1/tickets", asks | {
        "subject": "دیر رسید", "text": "سه روز دیر", "occurred_at": "2026-09-30T13:00:00Z",
    })  # fmt: skip
    one = f"/v1/tickets/{late['id']}"
    desk.step("به کارشناس ۷ سپرده شد", "tickets", "PUT", f"{one}/assignee", {"agent_id": "agent-7", "occurred_at": "2026-09-30T13:05:00Z"})
    note = {"author": {"kind": "agent", "id": "agent-7"}, "visibility": "internal", "channel": "web", "text": "از انبار می‌پرسم"}
    desk.step("یادداشت درونی پاسخ نیست", "tickets", "POST", f"{one}/messages", note | {"occurred_at": "2026-09-30T13:10:00Z"})
    desk.refused("بی‌پاسخ حل نمی‌شود", "reply-first", "tickets", "POST", f"{one}/resolution", {
        "resolution": "حل شد", "agent_id": "agent-7", "occurred_at": "2026-09-30T13:15:00Z",
    })  # fmt: skip
    reply = note | {"visibility": "public", "text": "پوزش می‌خواهیم؛ کدام بسته؟", "occurred_at": "2026-10-03T04:50:00Z"}
    desk.step("شنبه ۸:۲۰: پاسخ", "tickets", "POST", f"{one}/messages", reply)  # 30 min on Wednesday + 20 on Saturday: 50 of 60
    desk.step("شنبه ۸:۳۰: منتظر مشتری", "tickets", "PUT", f"{one}/status", {"status": "pending", "occurred_at": "2026-10-03T05:00:00Z"})
    said = {"author": {"kind": "customer"}, "visibility": "public", "channel": "web", "text": "بسته‌ی دوم", "occurred_at": "2026-10-03T10:30:00Z"}
    desk.step("شنبه ۱۴:۰۰: شیرین جواب داد", "tickets", "POST", f"{one}/messages", said)
    desk.step("دوباره پاسخ دادیم", "tickets", "POST", f"{one}/messages", reply | {"text": "فرستادیم", "occurred_at": "2026-10-03T10:45:00Z"})
    solved = desk.step("شنبه ۱۶:۳۰: حل شد", "tickets", "POST", f"{one}/resolution", {
        "resolution": "بسته دوباره فرستاده شد", "agent_id": "agent-7", "root_cause": "delivery_late", "occurred_at": "2026-10-03T13:00:00Z",
    })  # fmt: skip
    clocks = {clock["metric"]: (clock["state"], clock["elapsed_minutes"]) for clock in solved["clocks"]}
    assert clocks["first_reply"] == ("met", 50)
    assert clocks["resolution"] == ("met", 30 + 30 + 150), "30 on Wednesday, 30 before the wait, 150 after it; a holiday and two nights count nothing"
    desk.step("به ما چهار داد", "tickets", "POST", f"{one}/satisfaction", {"score": 4, "effort": 2, "occurred_at": "2026-10-04T06:00:00Z"})
    desk.step("بسته شد", "tickets", "POST", f"{one}/closure", {"occurred_at": "2026-10-05T06:00:00Z"})

    # The second one is answered too late, reopened, and made good (۲۲ تا ۲۸ مهر).
    broken = desk.step("چهارشنبه ۱۰:۰۰: بسته باز بود", "tickets", "POST", "/v1/tickets", asks | {
        "subject": "بسته باز بود", "text": "چای ریخته بود", "priority": "urgent", "occurred_at": "2026-10-14T06:30:00Z",
    })  # fmt: skip
    two = f"/v1/tickets/{broken['id']}"
    desk.step("۱۱:۳۰: پاسخی دیر", "tickets", "POST", f"{two}/messages", reply | {"text": "عذر می‌خواهیم", "occurred_at": "2026-10-14T08:00:00Z"})  # 90 of 60
    desk.step("حل شد", "tickets", "POST", f"{two}/resolution", {"resolution": "جایگزین", "agent_id": "agent-7", "occurred_at": "2026-10-14T09:30:00Z"})
    desk.step("جایگزین هم باز بود", "tickets", "POST", f"{two}/reopening", {"reason": "باز هم ریخته بود", "occurred_at": "2026-10-18T06:00:00Z"})
    desk.step("باز هم حل شد", "tickets", "POST", f"{two}/resolution", {
        "resolution": "پیک خودمان برد", "agent_id": "agent-7", "root_cause": "packaging", "occurred_at": "2026-10-18T08:00:00Z",
    })  # fmt: skip
    desk.step("حق با او بود", "tickets", "PUT", f"{two}/root-cause", {
        "root_cause": "packaging", "department": "warehouse", "occurred_at": "2026-10-18T08:10:00Z",
    })  # fmt: skip
    gift = desk.step("دویست امتیاز برای دلجویی", "tickets", "POST", f"{two}/recoveries", {
        "kind": "points", "points": 200, "occurred_at": "2026-10-18T08:20:00Z",
    })  # fmt: skip
    made_good = f"{two}/recoveries/{gift['id']}"
    desk.refused("پیش از پذیرفتن داده نمی‌شود", "recovery-offered", "tickets", "POST", f"{made_good}/completion", {"occurred_at": "2026-10-18T08:25:00Z"})
    desk.step("پذیرفت", "tickets", "POST", f"{made_good}/acceptance", {"occurred_at": "2026-10-18T08:30:00Z"})
    desk.step("باشگاه می‌پردازد", "tickets", "POST", f"{made_good}/completion", {"occurred_at": "2026-10-18T08:40:00Z"})  # a lot of 200, till 2027-10-18
    desk.step("این بار پنج داد", "tickets", "POST", f"{two}/satisfaction", {"score": 5, "courtesy": 5, "occurred_at": "2026-10-19T06:00:00Z"})

    # Points are spent (۱ و ۲ آبان).
    held = desk.step("صد امتیاز برای قوری نگه داشت", "loyalty", "POST", f"{till}/redemptions", {
        "points": 100, "reward": "teapot", "occurred_at": "2026-10-23T08:00:00Z",
    })  # fmt: skip
    desk.refused("بیش از داشته نمی‌شود", "insufficient-points", "loyalty", "POST", f"{till}/redemptions", {
        "points": 1000, "occurred_at": "2026-10-23T08:05:00Z",
    })  # fmt: skip
    desk.step("قوری را گرفت", "loyalty", "PUT", f"{till}/redemptions/{held['id']}/confirmation", {"occurred_at": "2026-10-23T08:10:00Z"})

    # She was known twice (۵ تا ۹ آبان).
    twin = desk.step("کسی با نام ش. فرهادی از سایت پرسید", "contacts", "POST", "/v1/contacts", {
        "kind": "person", "name": "ش. فرهادی", "identifiers": [{"kind": "email", "value": f"{mark}@example.ir"}], "occurred_at": "2026-10-27T06:00:00Z",
    })  # fmt: skip
    desk.step("یک پیام از سایت", "contacts", "POST", f"/v1/contacts/{twin['id']}/interactions", {
        "channel": "web", "direction": "inbound", "text": "چای بهاره؟", "occurred_at": "2026-10-27T06:01:00Z",
    })  # fmt: skip
    desk.step("پیامک تبلیغاتی نمی‌خواهد", "contacts", "PUT", f"/v1/contacts/{twin['id']}/consents/marketing/sms", {
        "status": "denied", "text_version": "1405-1", "evidence": "تلفنی", "occurred_at": "2026-10-27T06:10:00Z",
    })  # fmt: skip
    open_one = desk.step("پرسشی که هنوز باز است", "tickets", "POST", "/v1/tickets", {
        "customer_id": twin["id"], "kind": "question", "channel": "email", "subject": "چای بهاره", "text": "کی می‌رسد؟", "priority": "normal",
        "occurred_at": "2026-10-28T06:00:00Z",
    })  # fmt: skip
    merged = desk.step("شیرین است: دو پرونده یکی شد", "contacts", "POST", "/v1/merges", {
        "survivor_id": shirin["id"], "absorbed_id": twin["id"], "reason": "همان شماره پشت تلفن", "occurred_at": "2026-10-31T06:00:00Z",
    })  # fmt: skip
    sister = desk.step("خواهرش هم پرونده دارد", "contacts", "POST", "/v1/contacts", {
        "kind": "person", "name": "نگار فرهادی", "occurred_at": "2026-10-31T07:00:00Z",
    })  # fmt: skip
    wrong = desk.step("خواهر را هم به اشتباه یکی کردند", "contacts", "POST", "/v1/merges", {
        "survivor_id": shirin["id"], "absorbed_id": sister["id"], "reason": "نام خانوادگی", "occurred_at": "2026-10-31T07:05:00Z",
    })  # fmt: skip
    desk.step("پس گرفته شد", "contacts", "POST", f"/v1/merges/{wrong['id']}/reversal", {"reason": "دو خواهرند", "occurred_at": "2026-10-31T07:30:00Z"})
    send = {"campaign_id": str(uuid.uuid4()), "channel": "sms", "purpose": "marketing", "goal": "retention", "template": "autumn-tea"}
    held_back = desk.step("پیامک پاییزی: نگه داشته شد", "contacts", "POST", f"{her}/outreach", send | {"occurred_at": "2026-11-01T14:00:00Z"})
    assert (held_back["consent_decision"], held_back["suppressed"]) == ("deny", "no_consent"), held_back
    question = {"customer_id": shirin["id"], "purpose": "marketing", "channel": "sms", "at": "2026-11-01T06:00:00Z"}
    checked = desk.asked("پیامک بفرستیم؟ نه: یک پرونده‌اش نخواسته بود", "contacts", "/v1/consents/check", question)
    assert checked["decision"] == "deny" and checked["because"]
    desk.step("دوباره اجازه داد", "contacts", "PUT", f"{her}/consents/marketing/sms", consent | {"occurred_at": "2026-11-02T06:00:00Z"})
    checked = desk.asked("حالا می‌شود", "contacts", "/v1/consents/check", question | {"at": "2026-11-03T06:00:00Z"})
    assert checked["decision"] == "allow"
    sent = desk.step("و فرستاده شد", "contacts", "POST", f"{her}/outreach", send | {"campaign_id": str(uuid.uuid4()), "occurred_at": "2026-11-03T14:00:00Z"})
    assert sent["suppressed"] is None and sent["decided_by"]
    assert merged["survivor_id"] == shirin["id"] and len(desk.diary) == 60

    view = _settled(desk, twin["id"], available=382)
    assert (view["customer_id"], view["canonical_id"], view["member_ids"]) == (twin["id"], shirin["id"], [shirin["id"], twin["id"]])
    profile = view["profile"]
    assert (profile["kind"], profile["type"], profile["roles"], profile["language"], profile["owner_id"]) == (
        "person", "external_potential", ["buyer"], "fa", "agent-7",
    )  # fmt: skip
    assert profile["name"] == "ش. فرهادی", "told last"
    assert [(one["kind"], one["member_id"], one["verified"]) for one in profile["identifiers"]] == [("phone", shirin["id"], True), ("email", twin["id"], False)]
    assert profile["tenure_days"] == 54, "from the purchase of 5 Mehr to the evening of 29 Aban"
    assert [(one["channel"], one["status"], one["since"]) for one in view["consents"]] == [("sms", "granted", "2026-11-02T06:00:00.000Z")]
    assert (view["preferences"]["channel"], view["preferences"]["frequency_cap"]) == ("sms", {"count": 2, "per_days": 30})
    assert [(one["kind"], one["other_id"]) for one in view["relationships"]] == [("works_for", shop["id"])]

    contact = view["contact"]
    assert (contact["interactions"], contact["by_channel"], contact["by_direction"]) == (3, {"phone": 2, "web": 1}, {"inbound": 2, "outbound": 1})
    assert (contact["last_contact_at"], contact["days_since_last_contact"]) == ("2026-10-28T06:00:00.000Z", 23)
    assert contact["two_way_ratio"] == 0.6, "five conversations: the call, the web message, three tickets; both sides spoke in three"

    service = view["service"]
    figures = ("open", "resolved", "reopened", "complaints", "satisfaction_mean", "breaches")
    assert tuple(service[name] for name in figures) == (1, 2, 1, 2, 4.5, 1), "4 and 5; the reply after ninety minutes"
    assert [(one["ticket_id"], one["status"], one["waiting_since"]) for one in service["tickets"]] == [(open_one["id"], "new", "2026-10-28T06:00:00.000Z")]

    points = view["loyalty"]
    assert points["available"] == 210 + 162 - 90 - 100 + 200
    assert (points["tier"], points["pending"], points["reserved"], points["redeemed"], points["debt"]) == ("silver", 0, 0, 100, 0)
    assert points["expiring_next"] == {"points": 90 + 30 - 100, "at": "2027-09-27T07:00:00.000Z"}, "the teapot took of what expires first"

    bought = view["purchases"]
    assert bought["spend"] == [{"amount": 900_000 + 305_000 + 1_620_000 - 450_000, "currency": "IRR"}]
    assert (bought["count"], bought["returns"], bought["categories"]) == (2, 1, {"green_tea": 1, "black_tea": 1, "saffron": 1})
    assert (bought["first_at"], bought["last_at"], bought["mean_interval_days"]) == ("2026-09-27T07:00:00.000Z", "2026-10-12T12:30:00.000Z", 15.2)
    assert bought["discount_rate"] == round(1 - 2_825_000 / 3_025_000, 4)

    sisters = desk.client.view(sister["id"], *desk.tokens[-8:])
    assert (sisters["canonical_id"], sisters["contact"]["interactions"], sisters["loyalty"]) == (sister["id"], 0, None), "the wrong merge left nothing behind"


def _settled(desk: Desk, customer: str, *, available: int) -> Any:
    """The view as of the evening, once every write is seen and loyalty has paid what tickets told it to."""
    until = time.monotonic() + SOON
    while True:
        held = {"Consistency_Token": ",".join(desk.tokens[-40:]), "Prefer": "wait=10"}
        answer = desk.client.send("reporting", "GET", f"/v1/customers/{customer}?as_of={EVENING}", **held)
        view = ok(answer)
        if answer.headers["View-State"] == "current" and view["loyalty"]["available"] == available:
            return view
        assert time.monotonic() < until, view["loyalty"]
        threading.Event().wait(0.2)

"""Where rivals break when two records turn out to be one person: is everything of both still there, once each, under every id, and parted again exactly?"""

import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from front_end import Client, ok, token

LINE = {"sku": "چای-۱", "category": "tea", "quantity": 1, "list_price": 1500, "paid_price": 1200}
RULE = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


@pytest.fixture
def programme(client: Client) -> str:
    name = f"p{uuid.uuid4().hex[:10]}"
    tiers = [{"name": tier, "from_points": points, "window": {"kind": "rolling", "months": 12}} for tier, points in (("silver", 0), ("gold", 20))]
    terms = {"currency": "EUR", "earning": [RULE], "pending_days": 0, "expiry": {"months": 12}, "tiers": tiers, "point_value": {"points": 10, "amount": 5}}
    client.put("loyalty", f"/v1/programmes/{name}", terms | {"valid_from": "2020-01-01T00:00:00Z"})
    return name


class Person:
    """One record of a person, and everything that three services were told about it."""

    def __init__(self, client: Client, **fields: Any) -> None:
        self.client, self.tokens = client, list[str]()
        self.id = self._kept(client.post("contacts", "/v1/contacts", {"kind": "person"} | fields))["id"]

    def _kept(self, answer: Any) -> Any:
        ok(answer)
        self.tokens.append(token(answer))
        return answer.json()

    def call(self, **fields: Any) -> None:
        body = {"channel": "phone", "direction": "inbound", "agent_id": "agent-7"} | fields
        self._kept(self.client.post("contacts", f"/v1/contacts/{self.id}/interactions", body))

    def note(self, text: str) -> None:
        self._kept(self.client.post("contacts", f"/v1/contacts/{self.id}/notes", {"text": text}))

    def consent(self, status: str, channel: str = "sms") -> None:
        body = {"status": status, "text_version": "1", "evidence": "فرم"}
        self._kept(self.client.put("contacts", f"/v1/contacts/{self.id}/consents/marketing/{channel}", body))

    def complain(self, subject: str) -> str:
        body = {"customer_id": self.id, "kind": "complaint", "channel": "web", "subject": subject, "text": "…", "priority": "high"}
        return str(self._kept(self.client.post("tickets", "/v1/tickets", body))["id"])

    def buy(self, programme: str, *prices: int) -> str:
        member = self._kept(self.client.post("loyalty", "/v1/members", {"customer_id": self.id, "programme": programme}))["id"]
        for price in prices:
            body = {"document": uuid.uuid4().hex, "channel": "web", "lines": [LINE | {"list_price": price, "paid_price": price}]}
            self._kept(self.client.post("loyalty", f"/v1/members/{member}/transactions", body))
        return str(member)

    def change(self, **fields: Any) -> None:
        self._kept(ok_of(self.client.send("contacts", "PATCH", f"/v1/contacts/{self.id}", fields)))

    def view(self) -> Any:
        return self.client.view(self.id, *self.tokens)

    def timeline(self) -> list[Any]:
        """Newest first, once every write of this record is to be seen."""
        self.view()
        return timeline(self.client, self.id)


def ok_of(answer: Any) -> Any:
    ok(answer)
    return answer


def timeline(client: Client, customer: str) -> list[Any]:
    items, cursor = [], ""
    while True:
        page = client.get("reporting", f"/v1/customers/{customer}/timeline?limit=7{cursor}")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"


def merge(survivor: Person, absorbed: Person) -> str:
    made = survivor.client.post("contacts", "/v1/merges", {"survivor_id": survivor.id, "absorbed_id": absorbed.id, "reason": "یک نفرند"})
    absorbed.tokens.append(token(made))
    survivor.tokens += absorbed.tokens  # from now on its view is both's: what was told of either is waited for
    return str(made.json()["id"])


def part(merge_id: str, *people: Person) -> Any:
    made = people[0].client.post("contacts", f"/v1/merges/{merge_id}/reversal", {"reason": "دو نفرند"})
    for person in people:
        person.tokens.append(token(made))
    return made.json()


def mail() -> dict[str, str]:
    return {"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}


def bare(view: Any) -> Any:
    """What of a view must come back when a merge is taken back: all but how far each source has told and what counts the versions."""
    return {name: section for name, section in view.items() if name not in ("freshness", "etag")}


@pytest.mark.parametrize("known_survives", [True, False], ids=["known-survives", "anonymous-survives"])
def test_t01_a_merge_of_somebody_known_with_a_nameless_visitor_loses_no_field(client: Client, known_survives: bool) -> None:
    known = Person(client, name="سمیرا نوری", type="intermediary", roles=["buyer"], language="fa", time_zone="Asia/Tehran", identifiers=[mail()])
    known.change(address="تهران، ونک", birthday="1990-03-21")
    known.consent("granted")
    visitor = Person(client, identifiers=[{"kind": "device", "value": uuid.uuid4().hex}])  # registered last
    before = known.view()
    merge(*((known, visitor) if known_survives else (visitor, known)))
    for person in (visitor, known):
        shown = person.view()
        lost = {name for name, value in before["profile"].items() if value not in (None, []) and not shown["profile"][name]}
        assert (shown["profile"]["type"], shown["profile"]["roles"]) == ("intermediary", ["buyer"]), "nobody told anything of the visitor's"
        assert not lost, lost
        assert (shown["profile"]["name"], shown["profile"]["language"], shown["profile"]["birthday"]) == ("سمیرا نوری", "fa", "1990-03-21")
        assert {one["kind"]: one["member_id"] for one in shown["profile"]["identifiers"]} == {"device": visitor.id, "email": known.id}
        assert [one["status"] for one in shown["consents"]] == ["granted"]


def test_t01_where_both_were_told_something_the_losing_value_is_shown_beside_the_other(client: Client) -> None:
    one, other = Person(client, name="شیرین فرهادی", language="fa", identifiers=[mail()]), Person(client, name="ش. فرهادی", language="en")
    one.change(birthday="1990-03-21")
    other.change(birthday="1991-03-21")
    assert one.view()["profile"]["other_values"] == []
    kept = merge(one, other)
    shown = one.view()["profile"]
    assert (shown["name"], shown["language"], shown["birthday"]) == ("ش. فرهادی", "en", "1991-03-21"), "told last"
    beside = {each["field"]: each["value"] for each in shown["other_values"] if each["member_id"] == one.id}
    assert beside == {"name": "شیرین فرهادی", "language": "fa", "birthday": "1990-03-21"}
    identifier = shown["identifiers"][0]["id"]
    one.tokens.append(token(client.put("contacts", f"/v1/contacts/{one.id}/identifiers/{identifier}/verification", {})))
    assert one.view()["profile"]["birthday"] == "1990-03-21", "of a birthday the better witness counts"
    part(kept, one, other)
    assert one.view()["profile"]["other_values"] == other.view()["profile"]["other_values"] == []


def test_t02_the_timeline_of_a_merged_customer_is_both_timelines_in_order(client: Client, programme: str) -> None:
    one, other = Person(client, name="سارا"), Person(client, name="س. احمدی")
    for day, person in enumerate((one, other, one, other), start=1):
        person.call(occurred_at=f"2026-03-0{day}T09:00:00Z")
    other.complain("دیر رسید")
    one.buy(programme, 1000)
    apart = {item["event_id"] for person in (one, other) for item in person.timeline()}
    merge(one, other)
    together = other.timeline()
    assert {item["event_id"] for item in together if item["type"] not in ("contact.merged", "contact.absorbed")} == apart
    assert len({item["event_id"] for item in together}) == len(together), "nothing twice"
    assert [item["occurred_at"] for item in together] == sorted((item["occurred_at"] for item in together), reverse=True)
    assert together == one.timeline(), "and the same under either id"


def test_t03_every_counter_of_a_merged_customer_is_the_sum_of_its_parts(client: Client, programme: str) -> None:
    people = [Person(client, name=name) for name in ("الف", "ب", "پ")]
    for number, person in enumerate(people, start=1):
        for _ in range(number):
            person.call()
        person.complain("شکایت")
        person.buy(programme, *[1000 * number] * number)
    parts = [person.view() for person in people]
    merge(people[0], people[1])
    merge(people[2], people[0])
    whole = client.view(people[1].id, *(told for person in people for told in person.tokens))
    assert whole["member_ids"][0] == whole["canonical_id"] == people[2].id and len(whole["member_ids"]) == 3
    for section, figure in (("contact", "interactions"), ("service", "open"), ("service", "complaints"), ("purchases", "count"), ("loyalty", "available")):
        assert whole[section][figure] == sum(view[section][figure] for view in parts), f"{section}.{figure}"
    assert whole["contact"]["by_channel"] == {"phone": 6}
    assert whole["purchases"]["spend"] == [{"amount": 1000 + 2 * 2000 + 3 * 3000, "currency": "EUR"}]
    assert (whole["contact"]["interactions"], whole["purchases"]["count"]) == (6, 6)


def test_t05_tickets_notes_points_and_consents_of_the_absorbed_are_reached_from_the_survivor(client: Client, programme: str) -> None:
    survivor, absorbed = Person(client, name="نرگس"), Person(client, name="نرگس ک.")
    ticket = absorbed.complain("بسته باز بود")
    absorbed.note("عصرها تماس بگیرید")
    absorbed.consent("withdrawn", "email")
    member = absorbed.buy(programme, 4200)
    merge(survivor, absorbed)
    view = survivor.view()
    assert [one["ticket_id"] for one in view["service"]["tickets"]] == [ticket]
    assert [(one["channel"], one["status"]) for one in view["consents"]] == [("email", "withdrawn")]
    assert view["loyalty"]["available"] == 42
    assert [item["data"]["text"] for item in timeline(client, survivor.id) if item["type"] == "note.added"] == ["عصرها تماس بگیرید"]
    assert [one["id"] for one in client.get("tickets", f"/v1/tickets?customer_id={absorbed.id}")["items"]] == [ticket]
    assert client.get("loyalty", f"/v1/members/{member}/points")["available"] == 42
    assert client.get("contacts", f"/v1/contacts/{absorbed.id}")["canonical_id"] == survivor.id


def test_t06_who_did_what_to_which_record_stays_told_of_that_record(client: Client) -> None:
    survivor, absorbed = Person(client, name="هما"), Person(client, name="ه. نیک")
    absorbed.call(agent_id="agent-3", text="یادم هست")
    merge(survivor, absorbed)
    seen = {(item["type"], item["stream_id"]): item for item in survivor.timeline()}
    assert {stream for kind, stream in seen if kind == "contact.registered"} == {survivor.id, absorbed.id}
    assert all(item["actor"] for item in seen.values())
    told = seen["contact.merged", absorbed.id]
    assert (told["data"]["survivor_id"], told["data"]["reason"], told["data"]["cause"]) == (survivor.id, "یک نفرند", "manual")


@pytest.mark.parametrize("seed", range(3))
def test_t07_any_of_several_merges_is_taken_back_the_oldest_too_and_the_answer_is_how_it_stands(client: Client, programme: str, seed: int) -> None:
    chance = random.Random(seed)
    people = [Person(client, name=name, identifiers=[mail()]) for name in ("یک", "دو", "سه", "چهار")]
    for person in people:
        person.call()
        person.buy(programme, chance.randrange(100, 5000))
    alone = [bare(person.view()) for person in people]
    roots, merges = list(people), list[tuple[str, Person, Person]]()
    while len(roots) > 1:
        survivor, absorbed = chance.sample(roots, 2)
        merges.append((merge(survivor, absorbed), survivor, absorbed))
        roots.remove(absorbed)
    chance.shuffle(merges)
    for merge_id, survivor, absorbed in merges:
        answer = part(merge_id, *people)
        assert answer["reversed_at"] and (answer["survivor_id"], answer["absorbed_id"]) == (survivor.id, absorbed.id)
        assert client.get("contacts", f"/v1/contacts/{absorbed.id}")["canonical_id"] == absorbed.id
        assert absorbed.view()["canonical_id"] == absorbed.id
    assert [bare(person.view()) for person in people] == alone, "taken apart, each is as before, to the last figure"


def test_t08_some_are_parted_from_the_others_and_all_that_a_rule_joined(client: Client, programme: str) -> None:
    rule = f"card-{uuid.uuid4().hex[:8]}"
    people = [Person(client, name=name) for name in ("الف", "ب", "پ", "ت")]
    for price, person in enumerate(people, start=1):
        person.call()
        person.buy(programme, 1000 * price)
    one, two, three, four = people
    merge(one, two)
    pair = bare(one.view())
    both = [bare(person.view()) for person in (three, four)]
    for absorbed in (three, four):
        made = client.post("contacts", "/v1/merges", {"survivor_id": one.id, "absorbed_id": absorbed.id, "rule": rule, "rule_version": "2"})
        absorbed.tokens.append(token(made))
        one.tokens.append(token(made))
    assert set(one.view()["member_ids"]) == {person.id for person in people}

    def parted(body: dict[str, Any]) -> Any:
        answer = client.post("contacts", "/v1/merges/reversals", body)
        for person in people:
            person.tokens.append(token(answer))
        return answer.json()

    told = parted({"contact_ids": [four.id]})
    assert {tuple(sorted(each["member_ids"])) for each in told["clusters"]} == {tuple(sorted((one.id, two.id, three.id))), (four.id,)}
    assert bare(four.view()) == both[1] and set(one.view()["member_ids"]) == {one.id, two.id, three.id}
    assert [each["absorbed_id"] for each in parted({"rule": rule})["reversed"]] == [three.id]
    assert bare(one.view()) == pair and bare(three.view()) == both[0], "as if they had never been merged, to the last figure"


def test_t09_a_merged_customer_stays_in_every_list_that_a_part_was_in(client: Client, programme: str) -> None:
    quiet, golden = Person(client, name="بی‌خرید"), Person(client, name="طلایی")
    golden.buy(programme, 5000)
    assert golden.view()["loyalty"]["tier"] == "gold"

    def listed(person: Person, query: str) -> list[str]:
        answer = client.send(
            "reporting", "GET", f"/v1/customers?{query}&sort=-first_seen_at&limit=200", Consistency_Token=",".join(person.tokens), Prefer="wait=10"
        )
        return [one["customer_id"] for one in ok(answer)["items"]]

    assert golden.id in listed(golden, "tier=gold")
    merge_id = merge(quiet, golden)
    found = listed(golden, "tier=gold")
    assert quiet.id in found and golden.id not in found, "once, by the id that survives"
    part(merge_id, quiet, golden)
    found = listed(golden, "tier=gold")
    assert golden.id in found and quiet.id not in found


def test_t10_one_documented_endpoint_merges(client: Client) -> None:
    paths = client.get("contacts", "/openapi.json")["paths"]
    merging = [(path, method) for path, ways in paths.items() for method, told in ways.items() if told.get("operationId") == "mergeContacts"]
    assert merging == [("/v1/merges", "post")]
    told = paths["/v1/merges"]["post"]
    assert {"201", "409"} <= set(told["responses"]) and told["requestBody"]["content"]["application/json"]["examples"]


def test_t15_a_late_word_does_not_overwrite_a_newer_one(client: Client) -> None:
    person = Person(client, name="اول", occurred_at="2026-01-01T00:00:00Z")
    person.change(name="نام امروز", language="fa", occurred_at="2026-06-01T00:00:00Z")
    person.change(name="نام بهار", language="en", occurred_at="2026-03-01T00:00:00Z")
    assert person.view()["profile"]["name"] == client.get("contacts", f"/v1/contacts/{person.id}")["name"] == "نام امروز"
    spring = client.get("reporting", f"/v1/customers/{person.id}?as_of=2026-04-01T00:00:00Z")
    assert (spring["profile"]["name"], spring["profile"]["language"]) == ("نام بهار", "en")


def test_t39_every_touch_of_every_service_is_seen_in_one_place(client: Client, programme: str) -> None:
    person = Person(client, name="زهرا", identifiers=[mail()])
    person.call()
    person.note("یادداشت")
    person.complain("شکایت")
    person.buy(programme, 900)
    kinds = [item["type"] for item in person.timeline()]
    assert {"contact.registered", "interaction.recorded", "note.added", "ticket.opened", "member.enrolled", "transaction.recorded", "points.earned"} <= set(
        kinds
    )
    assert {item["source"] for item in timeline(client, person.id)} == {"contacts", "tickets", "loyalty"}


def test_t40_what_a_change_does_not_name_stays(client: Client) -> None:
    person = Person(client, name="لیلا", language="fa", time_zone="Asia/Tehran")
    person.change(address="اصفهان")
    stands = client.get("contacts", f"/v1/contacts/{person.id}")
    assert (stands["name"], stands["language"], stands["time_zone"]) == ("لیلا", "fa", "Asia/Tehran")
    window = {"days": ["sat", "sun"], "from": "09:00", "to": "12:00", "time_zone": "Asia/Tehran"}
    client.put("contacts", f"/v1/contacts/{person.id}/preferences", {"channel": "sms", "time_windows": [window]})
    client.put("contacts", f"/v1/contacts/{person.id}/preferences", {"language": "fa"})
    shown = client.get("contacts", f"/v1/contacts/{person.id}")
    assert (shown["preferences"]["channel"], shown["preferences"]["time_windows"], shown["preferences"]["language"]) == ("sms", [window], "fa")
    stale = client.send("contacts", "PUT", f"/v1/contacts/{person.id}/preferences", {"channel": "email"}, If_Match=f'"{stands["version"]}"')
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/version-conflict")
    assert client.get("contacts", f"/v1/contacts/{person.id}")["preferences"]["channel"] == "sms"

"""What do the examples tell of reporting? The customer in one view with her own writes in it, figures with their facts, and an operator's questions."""

from functools import partial
from typing import Any

from crm_contract.step import Step
from crm_contract.story_contacts import MARYAM, NOBODY
from crm_contract.story_loyalty import LEAF

step: Any = partial(Step, "reporting")
_HER = {"customer_id": MARYAM}
_WRITES = ("contacts.runCommands.twoLines", "contacts.addNote.aNote", "tickets.closeTicket.done", "loyalty.cancelRedemption.givenBack")
_PERIOD = {"from": "2026-10-10T00:00:00Z", "to": "2026-10-12T00:00:00Z"}
_PARKED = {"source": "tickets", "customer_id": NOBODY}
_HOOK = {"webhook_id": "{createWebhook.oneCustomersTickets.id}"}

REPORTING: list[Step] = [
    step("getCustomer", "whole", "Everything known of her, with her last writes in it", path=_HER, header={"Prefer": "wait=10"}, awaits=_WRITES),
    step("getCustomer", "twoSections", "Only what a page needs", path=_HER, query={"fields": "profile,loyalty"}),
    step("getCustomer", "asItStood", "As it stood when her complaint had just come", path=_HER, query={"as_of": "2026-10-10T06:10:00Z", "fields": "service"}),
    step("getCustomer", "nobody", "No source has an event of this id", 404, path={"customer_id": NOBODY}),
    step("getTimeline", "oneDay", "What happened on the day of her complaint", path=_HER, query={
        "types": "ticket.opened,ticket.message_added,interaction.recorded", "from": "2026-10-06T00:00:00Z", "to": "2026-10-11T00:00:00Z",
    }),
    step("exportCustomer", "nobody", "Of nobody nothing is known", 404, path={"customer_id": NOBODY}),
    step("listEvents", "herBeginning", "Her first event, opened", query={"customer_id": MARYAM, "limit": 1}),
    step("listEvents", "noSuchSource", "A source that is not known", 422, query={"source": "elsewhere"}),
    step("streamCustomer", "firstView", "The stream begins with the view", path=_HER),
    step("listCustomers", "byTier", "Customers of a tier", query={"tier": LEAF}, header={"Prefer": "wait=10"}, awaits=_WRITES),
    step("listCustomers", "noSuchOrder", "An order that is not known", 422, query={"sort": "luck"}),
    step("lookupCustomers", "byPhone", "Who has this number?", body={"identifier": {"kind": "phone", "value": "0912 445 6677"}}, header={
        "Prefer": "wait=10",
    }, awaits=_WRITES),
    step("listKpis", "two", "The first figures of the catalogue", query={"limit": 2}),
    step("getKpi", "satisfaction", "How content were customers on these days?", path={"name": "csat"}, query=_PERIOD),
    step("getKpi", "unknown", "A figure that is not defined", 404, path={"name": "happiness"}),
    step("getKpiEvidence", "satisfaction", "Each fact that was counted", path={"name": "csat"}, query=_PERIOD),
    step("setCostRate", "anAgentsMinute", "What an agent's minute costs", path={"name": "agent-minute"}, body={
        "activity": "service", "driver": "minute", "amount": {"amount": 45, "currency": "EUR"}, "role": "agent", "valid_from": "2026-01-01T00:00:00Z",
    }),
    step("getCostRate", "anAgentsMinute", "The newest version", path={"name": "agent-minute"}),
    step("listCostRates", "all", "Every cost rate", query={"limit": 200}, among=True),
    step("setTarget", "satisfaction", "What is aimed at", path={"name": "csat-2026"}, body={
        "kpi": "csat", "value": "90", "unit": "percent", "scope": "company", "valid_from": "2026-01-01T00:00:00Z",
    }),
    step("getTarget", "satisfaction", "The newest version", path={"name": "csat-2026"}),
    step("listTargets", "all", "Every target", query={"limit": 200}, among=True),
    step("getStatus", "now", "Is anything late, stuck, lost or slow?", moment=True),
    step("getProjection", "now", "How late is the read model?", moment=True),
    step("listLeaders", "now", "Who leads, and who reads?", moment=True),
    step("getReconciliation", "last", "Is anything lost or counted twice?", moment=True),
    step("pauseProjection", "loyalty", "Hold back what loyalty says", path={"source": "loyalty"}, body={"reason": "a faulty import is being undone"}),
    step("resumeProjection", "loyalty", "Go on", path={"source": "loyalty"}, body={"reason": "the import was undone"}),
    step("listOperationsAudit", "all", "What operators did", query={"limit": 2}, moment=True),
    step("listParked", "whose", "Whose events wait, and why", moment=True),
    step("getParked", "nothing", "Nothing of this customer waits", 404, path=_PARKED),
    step("retryParked", "nothing", "Nothing to fold again", 404, path=_PARKED, body={"reason": "the release is out"}),
    step("dropParked", "nothing", "Nothing to leave out", 404, path=_PARKED, body={"event_id": NOBODY, "reason": "made by a faulty import"}),
    step("startRebuild", "why", "A reason says something", 422, body={"reason": "?"}),
    step("getRebuild", "unknown", "No build of this name", 404, path={"build": "b999"}),
    step("createWebhook", "oneCustomersTickets", "Have a customer's tickets told to an address", 201, body={
        "url": "https://hooks.example/crm", "types": ["ticket.*"], "customer_ids": [NOBODY], "description": "انبار مرکزی",
    }, moment=True),
    step("createWebhook", "addressOfThisHouse", "Messages go to public addresses", 422, body={"url": "https://10.0.0.7/crm", "types": ["*"]}),
    step("listWebhooks", "all", "Every subscription and how it stands", moment=True),
    step("getWebhook", "one", "How does it stand?", path=_HOOK, moment=True),
    step("changeWebhook", "moreTypes", "Other events as well", path=_HOOK, body={"types": ["ticket.*", "interaction.*"]}, moment=True),
    step("replaceWebhookSecret", "inADay", "A new secret; for a day both verify", path=_HOOK, body={"overlap_hours": 24}, moment=True),
    step("replayWebhook", "all", "Everything from the start again", path=_HOOK, body={"after": 0}, moment=True),
    step("listWebhookDeliveries", "failed", "What was given up", path=_HOOK, query={"state": "failed"}),
    step("getWebhookDelivery", "unknown", "No such delivery", 404, path=_HOOK | {"delivery_id": 1}),
    step("redeliverWebhook", "unknown", "No such delivery", 404, path=_HOOK | {"delivery_id": 1}),
    step("deleteWebhook", "one", "End it", path=_HOOK),
    step("runCommands", "oneLine", "A command as a line", body=(
        '{"operation":"setTarget","key":null,"path":{"name":"csat-2026"},"body":{"kpi":"csat","value":"90","unit":"percent","scope":"company",'
        '"valid_from":"2026-01-01T00:00:00Z"}}\n'
    )),
]  # fmt: skip

"""What do the examples tell of contacts? Maryam becomes known, is described, asked and merged; somebody else is forgotten."""

from functools import partial
from typing import Any

from crm_contract.step import Step

MARYAM = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c001"
TWIN = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c002"
SHOP = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c003"
FORGOTTEN = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c004"
NOBODY = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c0ff"
CARD = "0199b0c4-5a10-7c3e-9d21-6f0a4be1d001"
TABLET = "0199b0c4-5a10-7c3e-9d21-6f0a4be1d002"
CALL = "0199b0c4-5a10-7c3e-9d21-6f0a4be1e001"
MERGE = "0199b0c4-5a10-7c3e-9d21-6f0a4be1f001"
EXPORT, REFUSED_EXPORT = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ab01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1ab02"
CHANCE = "0199b0c4-5a10-7c3e-9d21-6f0a4be10c01"
LOST = "0199b0c4-5a10-7c3e-9d21-6f0a4be10c02"
OUTREACH = "0199b0c4-5a10-7c3e-9d21-6f0a4be10b01"
CAMPAIGN = "0199b0c4-5a10-7c3e-9d21-6f0a4be10bff"
SURVEY = "0199b0c4-5a10-7c3e-9d21-6f0a4be1aa01"
DEALER = "0199b0c4-5a10-7c3e-9d21-6f0a4be1a001"

step: Any = partial(Step, "contacts")
_HER = {"contact_id": MARYAM}
_CHANCE = _HER | {"opportunity_id": CHANCE}
_MESSAGE = _HER | {"outreach_id": OUTREACH}

CONTACTS: list[Step] = [
    step("registerContact", "aPerson", "A customer who filled in a form; her phone in her own digits", 201, body={
        "id": MARYAM, "kind": "person", "name": "مریم رضایی", "roles": ["buyer"], "language": "fa", "time_zone": "Asia/Tehran",
        "identifiers": [{"kind": "phone", "value": "۰۹۱۲ ۴۴۵ ۶۶ ۷۷"}, {"kind": "email", "value": "Maryam.Rezaei@example.ir"}],
        "source": {"system": "web", "reference": "form-81"}, "occurred_at": "2026-10-04T08:00:00Z",
    }),
    step("registerContact", "anOrganisation", "A shop that sells for us", 201, body={
        "id": SHOP, "kind": "organisation", "name": "چای لاهیجان", "type": "intermediary", "occurred_at": "2026-10-04T08:30:00Z",
    }),
    step("registerContact", "aSecondEntry", "The same woman once more, as a colleague noted her", 201, body={
        "id": TWIN, "kind": "person", "name": "م. رضایی", "occurred_at": "2026-10-05T10:00:00Z",
    }),
    step("registerContact", "thePhoneIsTaken", "The phone is hers, in whatever spelling", 409, body={
        "kind": "person", "name": "Ali Karimi", "identifiers": [{"kind": "phone", "value": "+98 912 445 6677"}],
    }),
    step("registerContact", "notAKind", "A body that does not fit", 422, body={"kind": "robot", "identifiers": [{"kind": "phone"}]}),
    step("lookupContacts", "byPhone", "Who has this number?", body={"identifier": {"kind": "phone", "value": "00989124456677"}}),
    step("lookupContacts", "byName", "Beginnings of words, typed on an Arabic keyboard", body={"name": "مريم رضا"}),
    step("getContact", "aPerson", "Who is this?", path=_HER),
    step("getContact", "nobody", "An id that nobody has", 404, path={"contact_id": NOBODY}),
    step("changeContact", "movedHouse", "A new address, and a birthday", path=_HER, body={
        "address": "تهران، خیابان ولیعصر، پلاک ۱۲", "birthday": "1990-05-01", "occurred_at": "2026-10-05T09:00:00Z",
    }),
    step("addIdentifier", "aCard", "The club's card", 201, path=_HER, body={
        "id": CARD, "kind": "loyalty_card", "value": "CLUB-20031", "occurred_at": "2026-10-05T09:05:00Z",
    }),
    step("verifyIdentifier", "shown", "She showed the card", path=_HER | {"identifier_id": CARD}, body={
        "method": "shown_in_person", "occurred_at": "2026-10-05T09:06:00Z",
    }),
    step("removeIdentifier", "lost", "She lost it", path=_HER | {"identifier_id": CARD}),
    step("addIdentifier", "aTablet", "The shop's tablet, entered as hers", 201, path=_HER, body={
        "id": TABLET, "kind": "device", "value": "shop-tablet-3", "occurred_at": "2026-10-05T09:07:00Z",
    }),
    step("blockIdentifier", "ofTheShop", "It is the shop's, and nobody's: nobody can be given it any more", path=_HER | {"identifier_id": TABLET}, body={
        "rule": "of_the_shop", "occurred_at": "2026-10-05T09:08:00Z",
    }),
    step("setConsent", "granted", "She allows marketing by SMS", path=_HER | {"purpose": "marketing", "channel": "sms"}, body={
        "status": "granted", "text_version": "2026-1", "evidence": "ticked on form 81", "occurred_at": "2026-10-04T08:00:00Z",
    }),
    step("checkConsent", "allowed", "May we send her an offer?", body={
        "customer_id": MARYAM, "purpose": "marketing", "channel": "sms", "at": "2026-10-06T08:00:00Z",
    }),
    step("setPreferences", "evenings", "She likes to be called in the evening", path=_HER, body={
        "channel": "phone", "language": "fa", "frequency_cap": {"count": 2, "per_days": 30},
        "time_windows": [{"days": ["sat", "mon"], "from": "17:00", "to": "20:00", "time_zone": "Asia/Tehran"}], "occurred_at": "2026-10-05T09:10:00Z",
    }),
    step("assignOwner", "anAgent", "Agent 7 looks after her", path=_HER, body={"agent_id": "agent-7", "occurred_at": "2026-10-05T09:15:00Z"}),
    step("addNote", "aNote", "To be remembered", 201, path=_HER, body={"text": "چای سبز دوست دارد", "occurred_at": "2026-10-05T09:20:00Z"}),
    step("recordNeed", "aNeed", "What matters to her", 201, path=_HER, body={
        "need": "fast_delivery", "weight": 80, "occurred_at": "2026-10-05T09:25:00Z",
    }),
    step("setLifecycleStage", "loyal", "She buys again and again", path=_HER, body={"stage": "loyal", "occurred_at": "2026-10-05T09:26:00Z"}),
    step("setLifecycleStage", "neverLost", "Whom nobody had lost is not won back", 409, path=_HER, body={"stage": "won_back"}),
    step("recordExpectation", "delivery", "How fast she thinks a shop must be", path=_HER, body={
        "dimension": "delivery", "score": 9, "scale_min": 1, "scale_max": 10, "occurred_at": "2026-10-05T09:27:00Z",
    }),
    step("recordValueWeight", "freshness", "What a cup of tea is worth to her", path=_HER, body={
        "value": "freshness", "weight": 70, "occurred_at": "2026-10-05T09:28:00Z",
    }),
    step("reportCompetitorUse", "elsewhere", "Where else she buys, and for how much a month", path=_HER, body={
        "category": "tea", "competitor": "bazaar", "rank": 2, "of": 3, "spend": {"amount": 450000, "currency": "IRR"}, "period_days": 30,
        "occurred_at": "2026-10-05T09:29:00Z",
    }),
    step("recordInteraction", "aCall", "She called", 201, path=_HER, body={
        "id": CALL, "channel": "phone", "direction": "inbound", "duration_seconds": 340, "agent_id": "agent-7", "outcome": "informed",
        "subject": "سفارش کجاست؟", "sentiment": "neutral", "occurred_at": "2026-10-06T09:00:00Z",
    }),
    step("listInteractions", "all", "What passed between us", path=_HER),
    step("linkRelationship", "aDealer", "The shop sells to her", 201, path={"contact_id": SHOP}, body={
        "id": DEALER, "kind": "serves_end_customer", "other_id": MARYAM, "occurred_at": "2026-10-06T10:00:00Z",
    }),
    step("listRelationships", "fromHerSide", "Seen from her side", path=_HER),
    step("unlinkRelationship", "noLonger", "It has ended", path={"contact_id": SHOP, "relationship_id": DEALER}),
    step("sendOutreach", "anOffer", "She allowed it: the decision, and her word that made it, are on the record", 201, path=_HER, body={
        "id": OUTREACH, "campaign_id": CAMPAIGN, "channel": "sms", "purpose": "marketing", "goal": "retention", "template": "autumn-tea",
        "segment": "tea-lovers", "language": "fa", "occurred_at": "2026-10-06T14:00:00Z",
    }),
    step("sendOutreach", "heldBack", "By e-mail she did not: it must not be sent, and the record says why", 201, path=_HER, body={
        "campaign_id": CAMPAIGN, "channel": "email", "purpose": "marketing", "goal": "retention", "template": "autumn-tea",
        "occurred_at": "2026-10-06T14:01:00Z",
    }, moment=True),
    *(step("recordOutreachResult", result, summary, path=_MESSAGE, body={"result": result, "occurred_at": f"2026-10-06T14:0{minute}:00Z"} | more)
      for minute, result, summary, more in (
          (2, "delivered", "It arrived", {}), (3, "opened", "She read it", {}), (4, "clicked", "She followed the link", {}),
          (5, "responded", "She answered by a call", {"kind": "call", "interaction_id": CALL}),
          (6, "bounced", "A second part of it came back", {"reason": "memory_full"}),
      )),
    step("getOutreach", "anOffer", "What came of it", path=_MESSAGE),
    step("listOutreach", "all", "What we sent her, and what we held back", path=_HER, moment=True),
    step("openOpportunity", "aParty", "She may want tea for a wedding", 201, path=_HER, body={
        "id": CHANCE, "stage": "asked", "amount": {"amount": 90000000, "currency": "IRR"}, "category": "tea", "agent_id": "agent-7",
        "occurred_at": "2026-10-06T15:00:00Z",
    }),
    step("logSalesEffort", "aVisit", "Half an hour with her about it", 201, path=_HER, body={
        "agent_id": "agent-7", "role": "seller", "activity": "visit", "goal": "acquisition", "seconds": 1800, "customer_facing": True, "opportunity_id": CHANCE,
        "occurred_at": "2026-10-06T16:00:00Z",
    }),
    step("setOpportunityStage", "offered", "An offer was made", path=_CHANCE, body={"stage": "offered", "occurred_at": "2026-10-06T17:00:00Z"}),
    step("winOpportunity", "bought", "She bought", path=_CHANCE, body={"occurred_at": "2026-10-06T18:00:00Z"}),
    step("loseOpportunity", "wonAlready", "What was won is not lost", 409, path=_CHANCE, body={"reason": "price"}),
    step("getOpportunity", "aParty", "How it ended", path=_CHANCE),
    step("openOpportunity", "cups", "Would she take the cups, too?", 201, path=_HER, body={
        "id": LOST, "stage": "asked", "amount": {"amount": 20000000, "currency": "IRR"}, "agent_id": "agent-7", "occurred_at": "2026-10-06T18:05:00Z",
    }),
    step("loseOpportunity", "elsewhere", "She has them from the bazaar", path=_HER | {"opportunity_id": LOST}, body={
        "reason": "price", "competitor": "bazaar", "occurred_at": "2026-10-06T18:10:00Z",
    }),
    step("sendSurvey", "inTheShop", "She is asked in the shop", 201, path=_HER, body={
        "id": SURVEY, "survey": "autumn", "channel": "in_person", "occurred_at": "2026-10-06T18:20:00Z",
    }),
    step("sendSurvey", "notAllowed", "By e-mail she allows no surveys", 409, path=_HER, body={"survey": "autumn", "channel": "email"}),
    step("answerSurvey", "satisfied", "What she answered", path=_HER | {"survey_id": SURVEY}, body={
        "answers": [
            {"question": "recommend", "kind": "nps", "score": 9, "scale_min": 0, "scale_max": 10},
            {"question": "delivery", "kind": "perceived", "dimension": "delivery", "score": 4, "scale_min": 1, "scale_max": 5},
        ],
        "comment": "چای تازه بود، ولی دیر رسید", "agent_id": "agent-7", "occurred_at": "2026-10-06T18:25:00Z",
    }),
    step("getSurvey", "satisfied", "What she answered last", path=_HER | {"survey_id": SURVEY}),
    step("listSurveys", "hers", "All that she was asked", path=_HER),
    step("suggestMatch", "oneWoman", "A colleague takes the two for one woman", 201, body={
        "contact_id": TWIN, "other_id": MARYAM, "occurred_at": "2026-10-06T19:00:00Z",
    }),
    step("listMatches", "hers", "Who else may be she? To be looked at by somebody", query={"customer_id": MARYAM}),
    step("getMatch", "oneWoman", "Who says so, and how sure it is", path={"match_id": "{suggestMatch.oneWoman.id}"}),
    step("previewMerge", "oneWoman", "What would she be? Her name was told twice; of consents the most restrictive wins", body={
        "survivor_id": MARYAM, "absorbed_id": TWIN,
    }, moment=True),
    step("mergeContacts", "oneWoman", "The two are one", 201, body={
        "id": MERGE, "survivor_id": MARYAM, "absorbed_id": TWIN, "reason": "same voice, same address", "occurred_at": "2026-10-07T08:00:00Z",
    }),
    step("mergeContacts", "already", "They are one already", 409, body={"survivor_id": MARYAM, "absorbed_id": TWIN}),
    step("getMerge", "oneWoman", "Who was merged, and why", path={"merge_id": MERGE}),
    step("reverseMerges", "noneOfThatRule", "No merge of this rule holds", 409, body={"rule": "same-card", "rule_version": "1"}),
    step("getContact", "mergedAway", "The id that was merged away leads to the survivor", path={"contact_id": TWIN}),
    step("reverseMerge", "twoAfterAll", "They were sisters", path={"merge_id": MERGE}, body={
        "reason": "two sisters", "occurred_at": "2026-10-08T08:00:00Z",
    }),
    step("rejectMatch", "twoSisters", "Nobody need look at them again", path={"match_id": "{suggestMatch.oneWoman.id}"}, body={
        "occurred_at": "2026-10-08T08:05:00Z",
    }),
    step("restrictUse", "disputed", "Her sister disputes what we know of her: it is kept, and not used", 201, body={
        "customer_id": TWIN, "occurred_at": "2026-10-08T08:10:00Z",
    }),
    step("checkConsent", "restricted", "Whatever she allowed, nobody writes to her now", body={
        "customer_id": TWIN, "purpose": "marketing", "channel": "sms", "at": "2026-10-08T08:11:00Z",
    }),
    step("restrictUse", "settled", "It was settled: it may be used again", body={
        "customer_id": TWIN, "restricted": False, "occurred_at": "2026-10-08T08:20:00Z",
    }),
    step("restrictUse", "nothingToLift", "Nothing was restricted", 404, body={"customer_id": MARYAM, "restricted": False}),
    step("getRestriction", "settled", "Does it hold?", path={"restriction_id": "{restrictUse.disputed.id}"}),
    step("setConsent", "letters", "Her sister allows letters", path={"contact_id": TWIN, "purpose": "marketing", "channel": "post"}, body={
        "status": "granted", "text_version": "2026-1", "occurred_at": "2026-10-08T08:21:00Z",
    }),
    step("setConsent", "noLetters", "She takes it back", path={"contact_id": TWIN, "purpose": "marketing", "channel": "post"}, body={
        "status": "withdrawn", "text_version": "2026-1", "occurred_at": "2026-10-08T08:22:00Z",
    }),
    step("requestExport", "allOfIt", "She asks what we know of her", 201, body={"id": EXPORT, "customer_id": MARYAM, "occurred_at": "2026-10-08T08:23:00Z"}),
    step("requestExport", "ofHerSister", "So does her sister, who cannot show who she is", 201, body={
        "id": REFUSED_EXPORT, "customer_id": TWIN, "occurred_at": "2026-10-08T08:24:00Z",
    }),
    step("refuseExport", "notIdentified", "She is not told", path={"export_id": REFUSED_EXPORT}, body={
        "reason": "not_identified", "occurred_at": "2026-10-08T08:25:00Z",
    }),
    step("refuseExport", "forAnotherReason", "Once refused, it is refused", 409, path={"export_id": REFUSED_EXPORT}, body={"reason": "excessive"}),
    step("getExport", "refused", "What became of it", path={"export_id": REFUSED_EXPORT}),
    step("listWithoutBasis", "sister", "Whom nothing allows us to keep, since when"),
    step("registerContact", "toBeForgotten", "Somebody who will ask to be forgotten", 201, body={
        "id": FORGOTTEN, "kind": "person", "name": "رضا امینی", "occurred_at": "2026-10-04T11:00:00Z",
    }),
    step("requestErasure", "asked", "He asks to be forgotten", 201, body={"customer_id": FORGOTTEN}, moment=True),
    step("getErasure", "howFar", "How far it is: requested, destroying, erased", path={"erasure_id": "{requestErasure.asked.id}"}, moment=True),
    step("acknowledgeErasure", "unknown", "Nobody of this name keeps copies that we know of", 422, path={"erasure_id": "{requestErasure.asked.id}"}, body={
        "service": "mailer", "counts": {"messages": 12},
    }),
    step("addNote", "gone", "Nothing can be written for him any more", 410, path={"contact_id": FORGOTTEN}, body={"text": "…"}),
    step("redactEvent", "aCardNumber", "A card number was typed into a note: what that event says is read no more", 201, body={
        "customer_id": MARYAM, "event_id": "0199b0c4-5a10-7c3e-9d21-6f0a4be1ee01", "reason": "card_number", "occurred_at": "2026-10-08T08:30:00Z",
    }),
    step("redactEvent", "ofTheForgotten", "Of who is forgotten nothing can be read already", 410, body={
        "customer_id": FORGOTTEN, "event_id": "0199b0c4-5a10-7c3e-9d21-6f0a4be1ee02",
    }),
    step("getRedaction", "aCardNumber", "Which event, since when, and why", path={"redaction_id": "{redactEvent.aCardNumber.id}"}),
    step("runCommands", "twoLines", "Two commands, each by itself: one is done, one refused", body=(
        f'{{"operation":"addNote","key":"note-2","path":{{"contact_id":"{MARYAM}"}},"body":{{"text":"زنگ زد","occurred_at":"2026-10-08T09:00:00Z"}}}}\n'
        f'{{"operation":"addNote","key":"note-3","path":{{"contact_id":"{NOBODY}"}},"body":{{"text":"…"}}}}\n'
    )),
]  # fmt: skip

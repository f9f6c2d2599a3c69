"""What do the examples tell of loyalty? A programme, a member, tea bought and brought back, points held, spent and given back."""

from functools import partial
from typing import Any

from crm_contract.step import Step
from crm_contract.story_contacts import MARYAM, NOBODY

ALI, HIS = "0199b0c4-5a10-7c3e-9d21-6f0a4be1c0a1", "0199b0c4-5a10-7c3e-9d21-6f0a4be1aa02"
MEMBER = "0199b0c4-5a10-7c3e-9d21-6f0a4be1aa01"
SALE = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ab01"
RIGHT = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ac01"
INVOICE, BILLED = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ad01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1ad02"
OFFER, POT = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ae01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1ae02"
REWARD, PRESENT = "0199b0c4-5a10-7c3e-9d21-6f0a4be1af01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1af02"
FRIEND, CAME = "0199b0c4-5a10-7c3e-9d21-6f0a4be1ba01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1ba02"
WAITS, ORDER = "0199b0c4-5a10-7c3e-9d21-6f0a4be1bb01", "0199b0c4-5a10-7c3e-9d21-6f0a4be1bb02"
CLUB, LEAF = "tea-club", "tea-club-leaf"
_WINDOW = {"kind": "rolling", "months": 120}

step: Any = partial(Step, "loyalty")
_HER, _HIS = {"member_id": MEMBER}, {"member_id": HIS}
_HELD = _HER | {"redemption_id": "{reserveRedemption.aCup.id}"}
_OWED = {"invoice_id": INVOICE}
_NOT_TAKEN = {"offer_id": POT, "target_id": "{targetOffer.again.id}"}
_AIMED = {"offer_id": OFFER, "target_id": "{targetOffer.her.id}"}
_OTHER = _HER | {"redemption_id": "{reserveRedemption.another.id}"}

LOYALTY: list[Step] = [
    step("publishProgramme", "teaClub", "A point for every euro, two for green tea", path={"name": CLUB}, body={
        "notices": {"tier_ending": {"days": 30, "latest_days": 7, "channel": "email"}}, "referral": {"reward": "قوری", "amount": 250, "return_days": 14},
        "currency": "EUR", "pending_days": 0, "expiry": {"months": None}, "point_value": {"points": 10, "amount": 5}, "valid_from": "2026-01-01T00:00:00Z",
        "earning": [
            {"id": "green", "when": {"categories": ["green-tea"]}, "basis": "line", "points_per": {"points": 2, "amount": 100}, "stop": True},
            {"id": "base", "basis": "line", "points_per": {"points": 1, "amount": 100}},
        ],
        "tiers": [{"name": LEAF, "from_points": 0, "window": _WINDOW}, {
            "name": "tea-club-bloom", "from_points": 5000, "window": _WINDOW, "entitlements": [{"kind": "priority", "scope": "high"}],
        }],
    }),
    step("getProgramme", "teaClub", "The newest version", path={"name": CLUB}),
    step("enrolMember", "joins", "She joins", 201, body={
        "id": MEMBER, "customer_id": MARYAM, "programme": CLUB, "card_number": "TC-1009", "channel": "web", "occurred_at": "2026-10-12T08:00:00Z",
    }),
    step("enrolMember", "noSuchProgramme", "A programme that is not there", 422, body={"customer_id": MARYAM, "programme": "coffee-club"}),
    step("getMember", "joined", "Her account", path=_HER),
    step("listMembers", "hers", "All accounts of a customer", query={"customer_id": MARYAM}),
    step("recordTransaction", "twoTeas", "She buys tea: prices in cents, per unit", 201, path=_HER, body={
        "id": SALE, "document": "A-1009", "channel": "web", "discount_reason": "spring", "occurred_at": "2026-10-13T08:00:00Z",
        "lines": [
            {"sku": "GT-100", "category": "green-tea", "brand": "لاهیجان", "quantity": 2, "list_price": 1500, "paid_price": 1200, "unit_cost": 700},
            {"sku": "CUP-1", "category": "cups", "quantity": 1, "list_price": 900, "paid_price": 900},
        ],
    }),
    step("recordTransaction", "noLines", "A purchase has lines", 422, path=_HER, body={"document": "A-1010", "channel": "web", "lines": []}),
    step("getTransaction", "twoTeas", "What it earned, and by which rules", path=_HER | {"transaction_id": SALE}),
    step("listTransactions", "hers", "Her purchases", path=_HER),
    step("recordAction", "waitsForNothing", "Her points wait for nothing", 409, path=_HER | {"transaction_id": SALE}, body={"action": "delivery"}),
    step("publishProgramme", "newMembers", "Points that wait for the delivery, and a tier by spend", path={"name": "tea-delivered"}, body={
        "currency": "EUR", "pending_days": 60, "pending": {"action": "delivery"}, "expiry": {"months": 12, "restored_days": 14},
        "point_value": {"points": 10, "amount": 5},
        "earning": [{"id": "base", "basis": "line", "points_per": {"points": 1, "amount": 100}}], "valid_from": "2026-01-01T00:00:00Z",
        "tiers": [{"name": "tea-porter", "from_spend": 1000, "window": _WINDOW}],
    }),
    step("enrolMember", "delivered", "He joins that one", 201, body={"id": WAITS, "customer_id": ALI, "programme": "tea-delivered", "channel": "web"}),
    step("recordTransaction", "toBeDelivered", "He orders tea", 201, path={"member_id": WAITS}, body={
        "id": ORDER, "document": "A-1011", "channel": "web",
        "lines": [{"sku": "GT-100", "category": "green-tea", "quantity": 1, "list_price": 1500, "paid_price": 1500}],
    }),
    step("recordAction", "delivered", "It is there: the points can be spent", path={"member_id": WAITS, "transaction_id": ORDER}, body={"action": "delivery"}),
    step("simulatePurchase", "aBasket", "What would this earn, by which rule, and why not by the others?", path=_HER, body={
        "channel": "web", "lines": [{"sku": "CUP-1", "category": "cups", "quantity": 2, "list_price": 900, "paid_price": 900}],
    }),
    step("simulatePurchase", "noSuchVersion", "A version that is not there", 422, path=_HER, body={
        "channel": "web", "version": 99, "lines": [{"sku": "CUP-1", "category": "cups", "quantity": 1, "list_price": 900, "paid_price": 900}],
    }),
    step("simulateHistory", "hers", "What this version would have given for all she bought", path=_HER, body={"version": 1}),
    step("recordReturn", "oneBack", "One of the teas comes back, and its points go", path=_HER, body={
        "transaction_id": SALE, "lines": [{"line": 1, "quantity": 1}], "reason": "wrong_sort", "occurred_at": "2026-10-14T08:00:00Z",
    }),
    step("adjustPoints", "goodwill", "A few points for the trouble", path=_HER, body={
        "points": 50, "reason": "goodwill", "occurred_at": "2026-10-14T09:00:00Z",
    }),
    step("reserveRedemption", "aCup", "Points are held for a cup", 201, path=_HER, body={"points": 30, "reward": "cup"}),
    step("reserveRedemption", "tooMany", "More than there are", 409, path=_HER, body={"points": 100000}),
    step("getRedemption", "held", "How it stands", path=_HELD),
    step("confirmRedemption", "spent", "She takes the cup", path=_HELD, body={}),
    step("reserveRedemption", "another", "Points are held once more", 201, path=_HER, body={"points": 10, "reward": "spoon"}),
    step("cancelRedemption", "givenBack", "Not taken: the points return", path=_OTHER, body={"reason": "out_of_stock"}),
    step("enrolMember", "another", "Another customer joins", 201, body={"id": HIS, "customer_id": ALI, "programme": CLUB, "channel": "web"}),
    step("transferPoints", "toAnother", "She gives him points", path=_HER, body={"to_member_id": HIS, "points": 5}),
    step("transferPoints", "tooMany", "More than there are", 409, path=_HER, body={"to_member_id": HIS, "points": 100000}),
    step("blockPoints", "lookedInto", "Points are kept while something is looked into", path=_HIS, body={"points": 3, "reason": "fraud_check"}),
    step("unblockPoints", "cleared", "All is well", path=_HIS, body={"reason": "cleared"}),
    step("suspendMember", "lookedInto", "No earning, no spending", path=_HIS, body={"reason": "fraud_check"}),
    step("resumeMember", "cleared", "As before", path=_HIS, body={"reason": "cleared"}),
    step("overrideTier", "asAnApology", "A tier by hand", path=_HIS, body={
        "tier": "tea-club-bloom", "reason": "apology", "exception": "سفارشش سه بار گم شد", "holds_until": "2090-01-01T00:00:00Z",
    }),
    step("overrideTier", "noSuchTier", "A tier that is not there", 422, path=_HIS, body={"tier": "wood", "reason": "apology"}),
    step("closeMember", "leaves", "He leaves; what he had expires", path=_HIS, body={"reason": "asked"}),
    step("getPoints", "hers", "Where her points are, lot by lot", path=_HER),
    step("listWallets", "hers", "What she holds in each programme; of a merged customer, what all hold together", query={"customer_id": MARYAM}),
    step("listNotices", "hers", "What she is told of ends to come", query={"customer_id": MARYAM}),
    step("listPointsEntries", "hers", "Every movement, the newest first", path=_HER),
    step("grantEntitlement", "aRepair", "Her kettle is repaired for nothing, for years", 201, body={
        "id": RIGHT, "customer_id": MARYAM, "kind": "warranty", "scope": "kettle", "valid_to": "2031-10-12T08:00:00Z", "occurred_at": "2026-10-15T08:00:00Z",
    }),
    step("grantEntitlement", "noSuchPriority", "A priority is high or urgent", 422, body={"customer_id": MARYAM, "kind": "priority", "scope": "low"}),
    step("getEntitlement", "aRepair", "What she is entitled to", path={"entitlement_id": RIGHT}),
    step("listEntitlements", "hers", "All her rights, those that ended too", query={"customer_id": MARYAM}),
    step("revokeEntitlement", "soldOn", "Taken back", path={"entitlement_id": RIGHT}, body={"reason": "sold_on", "exception": "کتری را به همسایه فروخت"}),
    step("issueInvoice", "theTea", "She is to pay for it", 201, body={
        "id": INVOICE, "customer_id": MARYAM, "document": "F-1009", "amount": {"amount": 3300, "currency": "EUR"}, "due_at": "2090-01-01T00:00:00Z",
        "transaction_id": SALE, "occurred_at": "2026-10-13T08:00:00Z",
    }),
    step("issueInvoice", "again", "A document's number is given once", 409, body={
        "customer_id": MARYAM, "document": "F-1009", "amount": {"amount": 3300, "currency": "EUR"}, "due_at": "2090-01-01T00:00:00Z",
    }),
    step("setDueDate", "aWeekMore", "She asked for a week", path=_OWED, body={"due_at": "2090-01-08T00:00:00Z", "occurred_at": "2026-10-14T08:00:00Z"}),
    step("recordPayment", "aPart", "A part comes in", path=_OWED, body={
        "amount": {"amount": 1300, "currency": "EUR"}, "occurred_at": "2026-10-16T08:00:00Z",
    }),
    step("recordPayment", "tooMuch", "More than she owes", 409, path=_OWED, body={"amount": {"amount": 2001, "currency": "EUR"}}),
    step("recordPayment", "theRest", "The rest", path=_OWED, body={
        "amount": {"amount": 2000, "currency": "EUR"}, "occurred_at": "2026-10-21T08:00:00Z",
    }),
    step("getInvoice", "theTea", "What befell it, in order", path=_OWED),
    step("issueInvoice", "theCups", "Another, which she never pays", 201, body={
        "id": BILLED, "customer_id": MARYAM, "document": "F-1010", "amount": {"amount": 900, "currency": "EUR"}, "due_at": "2090-01-01T00:00:00Z",
        "occurred_at": "2026-10-15T08:00:00Z",
    }),
    step("writeOffInvoice", "lost", "It is given up", path={"invoice_id": BILLED}, body={"reason": "insolvent", "occurred_at": "2026-10-22T08:00:00Z"}),
    step("listInvoices", "paid", "Those she paid", query={"customer_id": MARYAM, "state": "paid"}),
    step("createOffer", "forThePot", "A pot for who drinks green tea", 201, body={
        "id": OFFER, "name": "قوری بهاره", "channel": "sms", "eligibility": {"programme": CLUB, "segments": ["green-tea"]}, "needs": ["teapot"],
        "starts_at": "2026-10-01T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z", "cost": {"amount": 250, "currency": "EUR"}, "control_percent": 0,
        "occurred_at": "2026-09-30T08:00:00Z",
    }),
    step("createOffer", "noTime", "It ends before it begins", 422, body={
        "name": "n", "channel": "sms", "starts_at": "2026-10-02T00:00:00Z", "ends_at": "2026-10-01T00:00:00Z",
    }),
    step("getOffer", "forThePot", "What is offered", path={"offer_id": OFFER}),
    step("listOffers", "all", "All offers", query={"limit": 200}, among=True),
    step("targetOffer", "notForHer", "Nobody of this segment", 409, path={"offer_id": OFFER}, body={"customer_id": MARYAM, "segment": "coffee"}),
    step("targetOffer", "her", "It is meant for her", 201, path={"offer_id": OFFER}, body={
        "customer_id": MARYAM, "segment": "green-tea", "need": "teapot", "occurred_at": "2026-10-13T09:00:00Z",
    }),
    step("acceptOffer", "notSeen", "She has not seen it", 409, path=_AIMED, body={}),
    step("presentOffer", "her", "She sees it", path=_AIMED, body={"occurred_at": "2026-10-13T10:00:00Z"}),
    step("acceptOffer", "her", "She takes it", path=_AIMED, body={"transaction_id": SALE, "occurred_at": "2026-10-13T11:00:00Z"}),
    step("createOffer", "anotherPot", "Another offer", 201, body={
        "id": POT, "name": "قوری پاییزه", "channel": "sms", "starts_at": "2026-10-01T00:00:00Z", "ends_at": "2090-01-01T00:00:00Z", "control_percent": 0,
        "occurred_at": "2026-09-30T08:00:00Z",
    }),
    step("targetOffer", "again", "Meant for her, too", 201, path={"offer_id": POT}, body={"customer_id": MARYAM, "occurred_at": "2026-10-13T09:00:00Z"}),
    step("presentOffer", "again", "She sees it", path=_NOT_TAKEN, body={"occurred_at": "2026-10-13T10:00:00Z"}),
    step("declineOffer", "again", "One pot is enough", path=_NOT_TAKEN, body={"reason": "has_one", "occurred_at": "2026-10-13T11:00:00Z"}),
    step("getOfferTarget", "her", "What became of it", path=_AIMED),
    step("listOfferTargets", "all", "Whom it is meant for", path={"offer_id": OFFER}),
    step("listOffersTo", "hers", "What is offered to her", query={"customer_id": MARYAM}),
    step("issueReward", "thePot", "The pot that was offered", 201, body={
        "id": REWARD, "customer_id": MARYAM, "kind": "قوری", "offer_id": OFFER, "cost": {"amount": 250, "currency": "EUR"}, "valid_to": "2090-01-01T00:00:00Z",
        "occurred_at": "2026-10-13T12:00:00Z",
    }),
    step("issueReward", "again", "One offer, one pot", 409, body={
        "customer_id": MARYAM, "kind": "قوری", "offer_id": OFFER, "cost": {"amount": 250, "currency": "EUR"}, "occurred_at": "2026-10-13T12:00:00Z",
    }),
    step("useReward", "thePot", "She takes it home", path={"reward_id": REWARD}, body={"occurred_at": "2026-10-14T12:00:00Z"}),
    step("useReward", "twice", "Once", 409, path={"reward_id": REWARD}, body={}),
    step("issueReward", "aSpoon", "A present", 201, body={
        "id": PRESENT, "customer_id": MARYAM, "kind": "قاشق", "cost": {"amount": 90, "currency": "EUR"}, "occurred_at": "2026-10-13T12:00:00Z",
    }),
    step("cancelReward", "aSpoon", "Taken back", path={"reward_id": PRESENT}, body={"reason": "out_of_stock", "occurred_at": "2026-10-14T12:00:00Z"}),
    step("getReward", "thePot", "What became of it", path={"reward_id": REWARD}),
    step("listRewards", "hers", "All her rewards", query={"customer_id": MARYAM}),
    step("inviteReferral", "aFriend", "She invites a friend", 201, body={
        "id": FRIEND, "customer_id": MARYAM, "programme": CLUB, "invitee": "zahra@friends.example", "channel": "sms", "occurred_at": "2026-10-14T13:00:00Z",
    }),
    step("inviteReferral", "noSuchProgramme", "A programme that rewards none", 409, body={"customer_id": MARYAM, "programme": "coffee-club"}),
    step("registerReferral", "came", "The friend comes", path={"referral_id": FRIEND}, body={"customer_id": CAME, "occurred_at": "2026-10-15T13:00:00Z"}),
    step("registerReferral", "another", "Each needs an invitation of their own", 409, path={"referral_id": FRIEND}, body={"customer_id": NOBODY}),
    step("getReferral", "aFriend", "How far it is", path={"referral_id": FRIEND}),
    step("inviteReferral", "again", "And somebody else", 201, body={"customer_id": MARYAM, "programme": CLUB, "occurred_at": "2026-10-14T14:00:00Z"}),
    step("registerReferral", "herself", "She came herself: that is none", path={"referral_id": "{inviteReferral.again.id}"}, body={
        "customer_id": MARYAM, "occurred_at": "2026-10-15T14:00:00Z",
    }),
    step("listReferrals", "hers", "All whom she invited", query={"customer_id": MARYAM}),
    step("announcePriceChange", "greenTea", "Green tea becomes dearer", 201, body={
        "sku": "GT-100", "from_price": 1500, "to_price": 1600, "currency": "EUR", "effective_from": "2090-01-01T00:00:00Z",
        "occurred_at": "2026-10-14T08:00:00Z",
    }),
    step("announcePriceChange", "notFromThere", "It costs something else by then", 409, body={
        "sku": "GT-100", "from_price": 1500, "to_price": 1700, "currency": "EUR", "effective_from": "2091-01-01T00:00:00Z",
    }),
    step("getPrices", "greenTea", "What it will cost", path={"price_id": "{announcePriceChange.greenTea.id}"}),
    step("listPrices", "all", "All goods of which a change was announced", query={"limit": 200}, among=True),
    step("getMember", "nobody", "No member of this id", 404, path={"member_id": NOBODY}),
    step("runCommands", "oneLine", "A command as a line", body=(
        f'{{"operation":"adjustPoints","key":"adjust-1","path":{{"member_id":"{NOBODY}"}},"body":{{"points":5,"reason":"goodwill"}}}}\n'
    )),
]  # fmt: skip

"""What do the examples tell of tickets? Hours and a promise, a complaint answered in time, and questions whose answers came late or twice."""

from functools import partial
from typing import Any

from crm_contract.step import Step
from crm_contract.story_contacts import MARYAM, NOBODY

LATE = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b001"
FIRST = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b101"
MADE_GOOD = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b201"
SORRY = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b202"
TWICE = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b002"
APART = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b003"
BESIDES = "0199b0c4-5a10-7c3e-9d21-6f0a4be1b103"
WORKED, CALLED, HEARD, BETTER = (f"0199b0c4-5a10-7c3e-9d21-6f0a4be1b3{number:02}" for number in range(1, 5))
HOURS, PROMISE, ABOUT = "tehran-office", "tea-delivery", "tea-delivery-late"

step: Any = partial(Step, "tickets")
_IT = {"ticket_id": LATE}
_IDEA = {"idea_id": BETTER}
_RECOVERY = _IT | {"recovery_id": MADE_GOOD}
_AGENT = {"kind": "agent", "id": "agent-7"}

TICKETS: list[Step] = [
    step("defineCalendar", "office", "Open from Saturday to Wednesday, with a lunch break", path={"name": HOURS}, body={
        "time_zone": "Asia/Tehran", "valid_from": "2026-01-01T00:00:00Z",
        "week": {day: [["09:00", "12:30"], ["13:30", "17:00"]] for day in ("sat", "sun", "mon", "tue", "wed")},
        "holidays": [{"date": "2026-03-21", "name": "نوروز"}, {"jalali": "1405-11-22", "name": "۲۲ بهمن"}],
    }),
    step("getCalendar", "office", "The newest version", path={"name": HOURS}),
    step("listCalendars", "all", "Every calendar", query={"limit": 200}, among=True),
    step("defineSlaPolicy", "anHour", "A first reply within an hour, a solution within a day of work", path={"name": PROMISE}, body={
        "rank": 0, "when": {"categories": [ABOUT]}, "targets": {"first_reply": 60, "resolution": 420}, "calendar": HOURS,
        "pauses": {"resolution": ["pending"]}, "valid_from": "2026-01-01T00:00:00Z",
    }),
    step("defineSlaPolicy", "noSuchCalendar", "A policy counts hours of a calendar that is there", 422, path={"name": PROMISE}, body={
        "rank": 0, "targets": {"first_reply": 60}, "calendar": "nowhere",
    }),
    step("defineSlaPolicy", "whatIsThenDone", "Who is called in when the promise is broken", path={"name": f"{PROMISE}-wholesale"}, body={
        "rank": 1, "when": {"categories": [f"{ABOUT}-wholesale"]}, "targets": {"first_reply": 30}, "calendar": HOURS, "valid_from": "2026-01-01T00:00:00Z",
        "on_breach": {"first_reply": {"level": 2, "to": "shift-lead", "group": "second-line", "priority": "urgent"}},
    }),
    step("getSlaPolicy", "anHour", "The newest version", path={"name": PROMISE}),
    step("listSlaPolicies", "all", "Every policy", query={"limit": 200}, among=True),
    step("openTicket", "aComplaint", "Her tea is late", 201, body={
        "id": LATE, "customer_id": MARYAM, "kind": "complaint", "channel": "web", "subject": "چای دیر رسید", "text": "سفارش شنبه هنوز نرسیده است.",
        "priority": "normal", "category": ABOUT, "occurred_at": "2026-10-10T06:00:00Z",
    }),
    step("openTicket", "thereAlready", "The id is another ticket's", 409, body={
        "id": LATE, "customer_id": MARYAM, "kind": "question", "channel": "web", "subject": "؟", "text": "…", "priority": "low",
    }),
    step("assignTicket", "anAgent", "Agent 7 takes it", path=_IT, body={"agent_id": "agent-7", "group": "delivery", "occurred_at": "2026-10-10T06:05:00Z"}),
    step("setPriority", "high", "It is urgent to her", path=_IT, header={"If-Match": '"6"'}, body={
        "priority": "high", "reason": "a present", "occurred_at": "2026-10-10T06:06:00Z",
    }),
    step("setPriority", "movedOn", "Somebody else was quicker", 412, path=_IT, header={"If-Match": '"1"'}, body={"priority": "low"}),
    step("categoriseTicket", "same", "What it is about", path=_IT, body={"category": ABOUT, "occurred_at": "2026-10-10T06:07:00Z"}),
    step("resolveTicket", "replyFirst", "Who waits is answered first", 409, path=_IT, body={"resolution": "ارسال شد"}),
    step("addMessage", "anAnswer", "The first reply", 201, path=_IT, body={
        "id": FIRST, "author": _AGENT, "channel": "web", "text": "ببخشید، همین امروز می‌رسد.", "occurred_at": "2026-10-10T06:25:00Z",
    }),
    step("getMessage", "anAnswer", "One message", path=_IT | {"message_id": FIRST}),
    step("listMessages", "all", "The opening text and what followed", path=_IT),
    step("setTicketStatus", "waits", "Waiting for her", path=_IT, body={
        "status": "pending", "reason": "asked for the street", "occurred_at": "2026-10-10T06:30:00Z",
    }),
    step("escalateTicket", "theLead", "The shift's lead is called in", path=_IT, body={
        "level": 2, "to": "shift-lead", "cause": "angry", "occurred_at": "2026-10-10T08:00:00Z",
    }),
    step("resolveTicket", "sent", "It was sent", path=_IT, body={
        "resolution": "با پیک فرستاده شد", "agent_id": "agent-7", "root_cause": "delivery_late", "occurred_at": "2026-10-10T08:00:00Z",
    }),
    step("askForSatisfaction", "aLink", "A link by which she can say how content she was", path=_IT, body={"occurred_at": "2026-10-10T13:00:00Z"}, moment=True),
    step("getSatisfaction", "notByAnAccount", "Only the token of a link is asked", 403),
    step("answerSatisfaction", "notByAnAccount", "Only the token of a link answers", 403, body={"score": 5}),
    step("reopenTicket", "notYet", "It did not come after all", path=_IT, body={"reason": "باز هم نرسید", "occurred_at": "2026-10-11T06:00:00Z"}),
    step("addMessage", "again", "An answer again", 201, path=_IT, body={
        "author": _AGENT, "channel": "phone", "text": "رسید؟", "occurred_at": "2026-10-11T06:10:00Z",
    }),
    step("addMessage", "somethingElse", "She asks something else besides", 201, path=_IT, body={
        "id": BESIDES, "author": {"kind": "customer"}, "channel": "phone", "text": "رسید. فاکتور رسمی هم می‌فرستید؟", "occurred_at": "2026-10-11T06:20:00Z",
    }),
    step("splitTicket", "anInvoice", "That is a ticket of its own", 201, path=_IT, body={
        "id": APART, "message_ids": [BESIDES], "subject": "فاکتور رسمی", "kind": "request", "category": "invoices", "occurred_at": "2026-10-11T06:30:00Z",
    }),
    step("splitTicket", "onceMore", "It is already", 409, path=_IT, body={"message_ids": [BESIDES], "subject": "فاکتور رسمی"}),
    step("resolveTicket", "arrived", "It has come", path=_IT, body={
        "resolution": "رسید", "agent_id": "agent-7", "root_cause": "delivery_late", "occurred_at": "2026-10-11T07:00:00Z",
    }),
    step("rateTicket", "content", "She is content", path=_IT, body={
        "score": 4, "effort": 3, "courtesy": 5, "comment": "پیگیری خوب بود", "occurred_at": "2026-10-11T08:00:00Z",
    }),
    step("setRootCause", "theCourier", "What lay behind it: she was right", path=_IT, body={
        "root_cause": "delivery_late", "upheld": True, "department": "logistics", "occurred_at": "2026-10-11T08:10:00Z",
    }),
    step("offerRecovery", "moneyBack", "Money back for the delay", 201, path=_IT, body={
        "id": MADE_GOOD, "kind": "refund", "cost": {"amount": 1500, "currency": "EUR"}, "occurred_at": "2026-10-11T08:20:00Z",
    }),
    step("offerRecovery", "unsaid", "Points, but how many?", 422, path=_IT, body={"kind": "points"}),
    step("completeRecovery", "tooEarly", "She has not said yes yet", 409, path=_RECOVERY, body={}),
    step("acceptRecovery", "taken", "She takes it", path=_RECOVERY, body={"occurred_at": "2026-10-11T08:30:00Z"}),
    step("completeRecovery", "done", "It was paid", path=_RECOVERY, body={"occurred_at": "2026-10-11T08:31:00Z"}),
    step("getRecovery", "moneyBack", "How it stands", path=_RECOVERY),
    step("offerRecovery", "apology", "And an apology", 201, path=_IT, body={"id": SORRY, "kind": "apology", "occurred_at": "2026-10-11T08:32:00Z"}),
    step("declineRecovery", "noNeed", "She does not want it", path=_IT | {"recovery_id": SORRY}, body={"occurred_at": "2026-10-11T08:33:00Z"}),
    step("defineProcedure", "lateTea", "How a late delivery is handled", path={"name": ABOUT}, body={
        "when": {"kinds": ["complaint"], "categories": [ABOUT]}, "valid_from": "2026-01-01T00:00:00Z",
        "steps": ["opened", "assigned", "first_response", "root_cause_set", "resolved", "closed"],
    }),
    step("getProcedure", "lateTea", "The newest version", path={"name": ABOUT}),
    step("listProcedures", "all", "Every procedure", query={"limit": 200}, among=True),
    step("defineMacro", "invoice", "An invoice is sent with one click", path={"name": "send-invoice"}, body={
        "valid_from": "2026-01-01T00:00:00Z",
        "steps": [{"do": "assign", "group": "accounts"}, {"do": "reply"}, {"do": "resolve", "root_cause": "invoice_missing"}],
    }),
    step("defineMacro", "twice", "Nothing is done twice", 422, path={"name": "send-invoice"}, body={"steps": [{"do": "close"}, {"do": "close"}]}),
    step("getMacro", "invoice", "The newest version", path={"name": "send-invoice"}),
    step("listMacros", "all", "Every macro", query={"limit": 200}, among=True),
    step("applyMacro", "sent", "Assigned, answered and resolved at once", path={"ticket_id": APART}, body={
        "macro": "send-invoice", "channel": "email", "reply": "فاکتور رسمی پیوست است.", "resolution": "فاکتور فرستاده شد",
        "occurred_at": "2026-10-11T08:35:00Z",
    }),
    step("applyMacro", "unknown", "There is no such macro", 422, path={"ticket_id": APART}, body={"macro": "nothing"}),
    step("openTicket", "onceMore", "She asked twice", 201, body={
        "id": TWICE, "customer_id": MARYAM, "kind": "question", "channel": "phone", "subject": "چای من کجاست؟", "text": "سفارش شنبه را می‌پرسم.",
        "priority": "normal", "occurred_at": "2026-10-11T08:40:00Z",
    }),
    step("linkTickets", "sameCause", "Both lay with the courier", path=_IT, body={
        "other_id": TWICE, "kind": "same_cause", "occurred_at": "2026-10-11T08:41:00Z",
    }),
    step("mergeTickets", "theSame", "It goes on in her complaint", path={"ticket_id": TWICE}, body={"into_id": LATE, "occurred_at": "2026-10-11T08:42:00Z"}),
    step("mergeTickets", "another", "It went on elsewhere already", 409, path={"ticket_id": LATE}, body={"into_id": TWICE}),
    step("closeTicket", "done", "Nothing more is expected", path=_IT, body={"occurred_at": "2026-10-11T09:00:00Z"}),
    step("getTicket", "closed", "How it stands", path=_IT),
    step("getTicket", "nowhere", "No ticket of this id", 404, path={"ticket_id": NOBODY}),
    step("judgeAgain", "asThen", "Each verdict, then and by what is known today", path=_IT),
    step("listTickets", "hers", "Her tickets", query={"customer_id": MARYAM}),
    step("logWorkDone", "onTheTicket", "A quarter of an hour on the phone with the courier", 201, body={
        "id": WORKED, "agent_id": "agent-7", "role": "support", "activity": "courier", "goal": "service", "seconds": 900, "customer_facing": False,
        "ticket_id": LATE, "occurred_at": "2026-10-11T06:30:00Z",
    }),
    step("logWorkDone", "beside", "Training, about no customer", 201, body={
        "agent_id": "agent-7", "role": "support", "activity": "training", "seconds": 3600, "customer_facing": False, "occurred_at": "2026-10-11T10:00:00Z",
    }),
    step("logWorkDone", "noSuchTicket", "A ticket that is not there", 422, body={
        "agent_id": "agent-7", "role": "support", "activity": "courier", "seconds": 900, "customer_facing": False, "ticket_id": NOBODY,
    }),
    step("getWork", "onTheTicket", "One stretch of work", path={"work_id": WORKED}),
    step("listWork", "ofTheTicket", "What her ticket took", query={"ticket_id": LATE}),
    step("scheduleFollowup", "aWeekLater", "Ask her in a week how the tea is", 201, body={
        "id": CALLED, "customer_id": MARYAM, "about_id": LATE, "due_at": "2026-10-18T09:00:00Z", "agent_id": "agent-7", "occurred_at": "2026-10-11T09:00:00Z",
    }),
    step("scheduleFollowup", "another", "Her ticket is no other customer's", 422, body={
        "customer_id": NOBODY, "about_id": LATE, "due_at": "2026-10-18T09:00:00Z", "occurred_at": "2026-10-11T09:00:00Z",
    }),
    step("completeFollowup", "anHourLate", "She was called, an hour late", path={"followup_id": CALLED}, body={"occurred_at": "2026-10-18T10:00:00Z"}),
    step("getFollowup", "done", "How late it was", path={"followup_id": CALLED}),
    step("listFollowups", "hers", "Hers, what is due soonest first", query={"customer_id": MARYAM}),
    step("captureFeedback", "wetBoxes", "She says why, on the phone", 201, body={
        "id": HEARD, "customer_id": MARYAM, "source": "interview", "topic": "packaging", "department": "warehouse", "sentiment": "negative",
        "text": "جعبه‌ها در باران خیس می‌شوند.", "occurred_at": "2026-10-18T10:05:00Z",
    }),
    step("proposeIdea", "doubleBoxes", "Somebody in the warehouse knows what to do", 201, body={
        "id": BETTER, "department": "warehouse", "title": "جعبهٔ دوجداره", "text": "جعبهٔ دوجداره در باران خشک می‌ماند.", "feedback_ids": [HEARD],
        "occurred_at": "2026-10-19T08:00:00Z",
    }),
    step("setIdeaStatus", "tooEarly", "It is not accepted yet", 409, path=_IDEA, body={"status": "adopted"}),
    step("setIdeaStatus", "accepted", "It is accepted", path=_IDEA, body={"status": "accepted", "occurred_at": "2026-10-20T08:00:00Z"}),
    step("setIdeaStatus", "adopted", "It is done", path=_IDEA, body={"status": "adopted", "occurred_at": "2026-11-01T08:00:00Z"}),
    step("getIdea", "adopted", "How it stands", path=_IDEA),
    step("listIdeas", "ofTheWarehouse", "Ideas of the warehouse", query={"department": "warehouse", "limit": 200}, among=True),
    step("linkFeedback", "closed", "Her word led to something", path={"feedback_id": HEARD}, body={
        "change": "double-boxes", "idea_id": BETTER, "occurred_at": "2026-11-01T08:10:00Z",
    }),
    step("linkFeedback", "noSuchIdea", "An idea that is not there", 422, path={"feedback_id": HEARD}, body={"change": "x", "idea_id": NOBODY}),
    step("getFeedback", "closed", "What came of it", path={"feedback_id": HEARD}),
    step("listFeedback", "hers", "What she said", query={"customer_id": MARYAM}),
    step("runCommands", "oneLine", "A command as a line", body=(
        f'{{"operation":"closeTicket","key":"close-1","path":{{"ticket_id":"{NOBODY}"}},"body":{{}}}}\n'
    )),
]  # fmt: skip

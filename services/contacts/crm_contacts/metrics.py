"""What does contacts tell an operator of its own? Whether those who asked to be forgotten are, and who was found to be somebody known."""

from crm_events.measuring import Section

_of = Section("Forgetting customers", ("contacts",))

WAITING = _of.gauge(
    "crm_erasure_oldest_seconds",
    [],
    "How long the customer who waits longest to be forgotten has waited, told by the leader; 0 = none waits. Some 15 seconds are usual.",
    off="Above 600: the vault or the database is away, see `erasures wait` in the log of contacts.",
)
UNCERTIFIED = _of.gauge(
    "crm_erasure_uncertified_seconds",
    [],
    "How long ago the first service said that it had obeyed the erasure that waits longest for its certificate, told by the leader; 0 = none waits.",
    off="Above 600: somebody has not said that it obeyed; the erasure's `awaiting` names them, see the runbook ErasureNotObeyed.",
)
ASKED = _of.gauge(
    "crm_access_oldest_seconds",
    [],
    "How long the customer who waits longest to be told what is known of them has waited, told by the leader; 0 = none waits.",
    off="Above 25 days: the law gives a month, see the runbook AccessLate.",
)

_finding = Section("Finding who is one customer", ("contacts",))

HUBS = _finding.counter(
    "crm_identity_hubs_total",
    ["type"],
    "Where linking contacts stopped at a limit: `value`: more than 20 contacts have one device or account; `customer`: more than 20 customers hung together.",
    off="See the runbook HubReached: something is entered as customers' own that is not.",
)
MATCHED = _finding.counter(
    "crm_matches_total",
    ["outcome"],
    "What the rules made of contacts told of anew: `joined` into one customer, `suggested` to be looked at, `refused` because one was forgotten meanwhile.",
    off="`suggested` grows by thousands: a value that many share, such as a shop's own account, was entered as the customers'.",
)

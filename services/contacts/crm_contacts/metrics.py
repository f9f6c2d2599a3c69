"""What does contacts tell an operator of its own? Whether those who asked to be forgotten are."""

from crm_events.measuring import Section

_of = Section("Forgetting customers", ("contacts",))

WAITING = _of.gauge(
    "crm_erasure_oldest_seconds",
    [],
    "How long the customer who waits longest to be forgotten has waited, told by the leader; 0 = none waits. Some 15 seconds are usual.",
    off="Above 600: the vault or the database is away, see `erasures wait` in the log of contacts.",
)

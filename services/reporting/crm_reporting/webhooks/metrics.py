"""What does the sender of webhooks tell an operator?"""

from crm_events.measuring import Section, from_zero
from crm_events.metrics import LEADER
from prometheus_client import CollectorRegistry

OUTCOMES = ("delivered", "status", "redirect", "timeout", "connection", "tls", "protocol", "name", "address", "withheld")
_webhooks = Section("Webhooks, from journal to receivers over HTTP", ("webhooks",))

ATTEMPTS = _webhooks.counter(
    "crm_webhook_attempts_total",
    ["outcome"],
    "Messages sent, by what came of it: delivered, status, redirect, timeout, connection, tls, protocol, name, address, withheld.",
    off="Anything but `delivered` grows: `GET /v1/webhooks` names the subscription that fails; its log says how.",
)
WAITING = _webhooks.gauge(
    "crm_webhook_waiting_events",
    [],
    "Deliveries that wait, of enabled subscriptions.",
    off="It grows: a receiver fails or is too slow; see `GET /v1/webhooks`.",
)
OLDEST = _webhooks.gauge(
    "crm_webhook_oldest_waiting_seconds",
    [],
    "How long the oldest of them has waited; 0 = none waits.",
    off="Above 300: as above. If every subscription waits, the process is at fault: see its log.",
)
DISABLED = _webhooks.gauge(
    "crm_webhook_disabled",
    [],
    "Subscriptions that are disabled, by hand or after long failure.",
    off="Ask the receiver's owner; once it answers again, enable the subscription: it goes on where it stopped.",
)


class WebhookMetrics:
    """Instruments of one sender."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = from_zero(ATTEMPTS.on(registry), OUTCOMES)
        self.waiting, self.oldest, self.disabled = WAITING.on(registry), OLDEST.on(registry), DISABLED.on(registry)
        self.leader = LEADER.on(registry).labels("webhooks")

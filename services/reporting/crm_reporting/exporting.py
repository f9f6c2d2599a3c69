"""Which requests of customers to see what is known of them were answered? A stream each: contacts, which keeps the requests, hears it from our topic."""

from dataclasses import dataclass

from crm_events.deciding import Aggregate, Fact
from crm_events.language.privacy import ReportingExportDelivered


@dataclass(frozen=True, slots=True)
class Export:
    """Whether the customer's request was answered."""

    delivered: bool = False


def _evolve(_: Export, __: Fact[ReportingExportDelivered]) -> Export:
    return Export(delivered=True)


EXPORTS: Aggregate[Export, ReportingExportDelivered] = Aggregate("export", Export, _evolve)

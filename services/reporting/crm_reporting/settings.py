"""What does reporting need to be told?"""

from crm_chassis.settings import ServiceSettings
from pydantic import Field


class ReportingSettings(ServiceSettings):
    """As of every service, on its own port. The other services' databases are only read, and only by `reporting reconcile`."""

    port: int = 8004
    metrics_port: int = Field(default=9004, description="where projector and composer answer /healthz, /readyz and /metrics")
    instance: str | None = Field(default=None, description="a stable name of this projector process: a restart then disturbs no other one")
    reconcile_hours: float = Field(default=24, ge=0, le=8760, description="store, topic and journal are compared as often as this; 0 = only when asked")
    contacts_database_url: str | None = Field(default=None, description="to compare the store with topic and journal; without it, only those two are compared")
    tickets_database_url: str | None = Field(default=None, description="as above")
    loyalty_database_url: str | None = Field(default=None, description="as above")

    @property
    def stores(self) -> dict[str, str]:
        """The stores this service may read, by source."""
        told = {"contacts": self.contacts_database_url, "tickets": self.tickets_database_url, "loyalty": self.loyalty_database_url}
        return {source: url for source, url in told.items() if url} | {"reporting": self.database_url}

"""What does reporting need to be told?"""

from ipaddress import ip_network

from crm_chassis.settings import ServiceSettings
from pydantic import Field, field_validator


class ReportingSettings(ServiceSettings):
    """As of every service, on its own port. The other services' databases are only read, and only by `reporting reconcile`."""

    port: int = 8004
    metrics_port: int = Field(default=9004, description="where projector and composer answer /healthz, /readyz and /metrics")
    instance: str | None = Field(default=None, description="a stable name of this projector or webhooks process: a restart then goes on at once")
    reconcile_hours: float = Field(default=24, ge=0, le=8760, description="store, topic and journal are compared as often as this; 0 = only when asked")
    contacts_database_url: str | None = Field(default=None, description="to compare the store with topic and journal; without it, only those two are compared")
    tickets_database_url: str | None = Field(default=None, description="as above")
    loyalty_database_url: str | None = Field(default=None, description="as above")

    webhook_allowed_networks: tuple[str, ...] = Field(
        default=(), description='JSON list of networks messages may go to though they are not public, and without TLS, as ["10.1.0.0/16"]; default: none'
    )
    webhook_seconds: float = Field(default=15, gt=0, le=60, description="a receiver answers within this time")
    webhook_retry_seconds: float = Field(default=5, gt=0, le=600, description="before the second attempt; then twice as long each time, up to six hours")
    webhook_patience_hours: float = Field(default=120, gt=0, description="a subscription whose receiver took nothing for so long is disabled")
    webhook_log_days: int = Field(default=30, ge=1, description="how long ended deliveries are kept")

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ip_network(each)
        return value

    @property
    def stores(self) -> dict[str, str]:
        """The stores this service may read, by source."""
        told = {"contacts": self.contacts_database_url, "tickets": self.tickets_database_url, "loyalty": self.loyalty_database_url}
        return {source: url for source, url in told.items() if url} | {"reporting": self.database_url}

"""What does the contacts service need to be told?"""

from crm_chassis.settings import ServiceSettings
from pydantic import Field


class ContactsSettings(ServiceSettings):
    """As of every service, on its own port; and who must say that they have forgotten somebody."""

    port: int = 8001
    erasure_subscribers: str = ""
    """Who else keeps copies of customers, names separated by commas: an erasure is certified only once each has said that theirs are gone."""
    erase_without_basis_after_days: int | None = Field(default=None, ge=0)
    """After so many days whoever is known by a consent alone, and it is gone, is forgotten. Not set: nobody is; `GET /v1/privacy/without-basis` names them."""

    lifecycle_by_purchases: bool = False
    """Whether the stage of a customer follows what they buy, and their silence. Off: stages are told by hand, or by whoever else knows them."""
    dormant_after_days: int = Field(default=180, ge=0)
    """With it, after so many days without a purchase a customer is dormant; 0: never by itself."""
    lost_after_days: int = Field(default=365, ge=0)
    """After so many days without a purchase who is dormant is lost; 0: never by itself."""

    @property
    def owed(self) -> tuple[str, ...]:
        """The names in `erasure_subscribers`."""
        return tuple(dict.fromkeys(name for part in self.erasure_subscribers.split(",") if (name := part.strip())))

"""What does the contacts service need to be told?"""

from crm_chassis.settings import ServiceSettings


class ContactsSettings(ServiceSettings):
    """As of every service, on its own port; and who must say that they have forgotten somebody."""

    port: int = 8001
    erasure_subscribers: str = ""
    """Who else keeps copies of customers, names separated by commas: an erasure is certified only once each has said that theirs are gone."""

    @property
    def owed(self) -> tuple[str, ...]:
        """The names in `erasure_subscribers`."""
        return tuple(dict.fromkeys(name for part in self.erasure_subscribers.split(",") if (name := part.strip())))

"""What does the contacts service need to be told?"""

from crm_chassis.settings import ServiceSettings


class ContactsSettings(ServiceSettings):
    """As of every service, on its own port."""

    port: int = 8001

"""What does the tickets service need to be told?"""

from crm_chassis.settings import ServiceSettings


class TicketsSettings(ServiceSettings):
    """As of every service, on its own port."""

    port: int = 8002

"""What does the loyalty service need to be told?"""

from crm_chassis.settings import ServiceSettings


class LoyaltySettings(ServiceSettings):
    """As of every service, on its own port."""

    port: int = 8003

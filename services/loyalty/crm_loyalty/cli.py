"""`loyalty api | relay | migrate | verify`."""

from crm_chassis.cli import service_cli

from crm_loyalty.app import AGGREGATES, loyalty_app
from crm_loyalty.settings import LoyaltySettings

app = service_cli("loyalty", settings=LoyaltySettings, app=loyalty_app, aggregates=AGGREGATES, package="crm_loyalty")

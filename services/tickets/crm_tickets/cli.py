"""`tickets api | relay | migrate | verify`."""

from crm_chassis.cli import service_cli

from crm_tickets.app import AGGREGATES, tickets_app
from crm_tickets.settings import TicketsSettings

app = service_cli("tickets", settings=TicketsSettings, app=tickets_app, aggregates=AGGREGATES, package="crm_tickets")

"""`contacts api | relay | migrate | verify`."""

from crm_chassis.cli import service_cli

from crm_contacts.app import AGGREGATES, contacts_app
from crm_contacts.settings import ContactsSettings

app = service_cli("contacts", settings=ContactsSettings, app=contacts_app, aggregates=AGGREGATES, package="crm_contacts")

"""`python -m desk api | relay | migrate | verify`."""

from crm_chassis.cli import service_cli
from jars import JARS

from desk.service import DeskSettings, desk

service_cli("contacts", settings=DeskSettings, app=desk, aggregates=[JARS], package="desk")()

"""`reporting api | relay | migrate | verify | projector | composer | webhooks | rebuild | reconcile | ops …`."""

from crm_chassis.cli import service_cli

from crm_reporting.app import reporting_app
from crm_reporting.inputs import AGGREGATES
from crm_reporting.operations import add_operations
from crm_reporting.ops.cli import ops
from crm_reporting.settings import ReportingSettings

app = service_cli("reporting", settings=ReportingSettings, app=reporting_app, aggregates=AGGREGATES, package="crm_reporting")
add_operations(app)
app.add_typer(ops, name="ops")

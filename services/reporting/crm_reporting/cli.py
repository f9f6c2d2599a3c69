"""`reporting projector | composer | rebuild | reconcile`."""

import typer

from crm_reporting.operations import add_operations

app = typer.Typer(name="reporting", help="The reporting service.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
add_operations(app)

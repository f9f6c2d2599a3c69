"""Who subscribed to events over HTTP, what is owed to them, and how each attempt went."""

from importlib.resources import files

from alembic import op
from crm_events.store.ddl import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), files("crm_reporting.migrations").joinpath("webhooks.sql").read_text())

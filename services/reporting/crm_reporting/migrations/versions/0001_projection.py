"""The journal, what the builds share, and reporting's own small store of inputs."""

from importlib.resources import files

from alembic import op
from crm_events.consuming.offsets import OFFSETS
from crm_events.store.ddl import create_store, run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_store(op.get_bind())
    run_script(op.get_bind(), OFFSETS)
    run_script(op.get_bind(), files("crm_reporting.migrations").joinpath("shared.sql").read_text())

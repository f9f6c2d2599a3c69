"""The event store."""

from alembic import op
from crm_chassis.audit import ACCESS
from crm_events.store.ddl import create_store, run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_store(op.get_bind())
    run_script(op.get_bind(), ACCESS)

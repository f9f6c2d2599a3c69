"""The event store."""

from alembic import op
from crm_events.store.ddl import create_store

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_store(op.get_bind())

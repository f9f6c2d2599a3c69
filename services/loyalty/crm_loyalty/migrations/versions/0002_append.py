"""The append function whose cost grows with the batch, not with its square."""

from alembic import op
from crm_events.store.ddl import create_append

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_append(op.get_bind())

"""The blind index leaves nothing in the server's statistics, which would outlive an erasure."""

from alembic import op
from crm_events.store.ddl import keep_no_statistics

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    keep_no_statistics(op.get_bind(), "terms", "hash")

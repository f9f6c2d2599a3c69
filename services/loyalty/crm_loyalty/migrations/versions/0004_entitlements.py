"""The index by which a member's rights are found while they stand; no column, for that would rewrite the table."""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), "create index streams_entitles on streams ((state -> 'columns' ->> 'entitles')) where type = 'entitlement';")

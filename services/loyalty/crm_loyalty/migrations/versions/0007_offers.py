"""The index by which those are found whom an offer is meant for; no column, for that would rewrite the table."""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(op.get_bind(), "create index streams_offer on streams ((state -> 'columns' ->> 'offer'), stream_id) where type = 'offer_target';")

"""The event store, the columns transactions are listed by, and what is followed of contacts."""

from alembic import op
from crm_events.consuming.offsets import OFFSETS
from crm_events.follower import EDGES
from crm_events.store.ddl import create_store, run_script

revision = "0001"
down_revision = None

COLUMNS = """
alter table streams
  add column member_id uuid generated always as ((state -> 'columns' ->> 'member_id')::uuid) stored,
  add column sold_at bigint generated always as ((state -> 'columns' ->> 'sold_at')::bigint) stored;      -- microseconds
create index streams_sales on streams (member_id, sold_at desc, stream_id desc) where type = 'transaction';

-- A redemption over a merged customer has a part on each member's stream; reservations are few, so the index is small.
create index events_redemption on events ((payload ->> 'redemption_id')) where type = 'points.reserved';
"""


def upgrade() -> None:
    create_store(op.get_bind())
    run_script(op.get_bind(), COLUMNS + EDGES + OFFSETS)

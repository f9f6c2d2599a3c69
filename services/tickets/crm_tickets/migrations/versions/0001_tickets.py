"""The event store, the columns tickets are listed by, and what is followed of contacts."""

from alembic import op
from crm_events.consuming.offsets import OFFSETS
from crm_events.follower import EDGES
from crm_events.store.ddl import create_store, run_script

revision = "0001"
down_revision = None

COLUMNS = """
alter table streams
  add column status text generated always as (state -> 'columns' ->> 'status') stored,
  add column assignee text generated always as (state -> 'columns' ->> 'assignee') stored,
  add column priority text generated always as (state -> 'columns' ->> 'priority') stored,
  add column sla_state text generated always as (state -> 'columns' ->> 'sla_state') stored,
  add column opened_at bigint generated always as ((state -> 'columns' ->> 'opened_at')::bigint) stored,     -- milliseconds
  add column breach_at bigint generated always as ((state -> 'columns' ->> 'breach_at')::bigint) stored;     -- milliseconds; the year 9999 where nothing is due
create index streams_newest on streams (opened_at desc, stream_id desc) where type = 'ticket';
create index streams_breach on streams (breach_at, stream_id) where type = 'ticket';
create index streams_status on streams (status, opened_at desc, stream_id desc) where type = 'ticket';
create index streams_assignee on streams (assignee, opened_at desc, stream_id desc) where type = 'ticket' and assignee is not null;
"""


def upgrade() -> None:
    create_store(op.get_bind())
    run_script(op.get_bind(), COLUMNS + EDGES + OFFSETS)

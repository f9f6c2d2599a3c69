"""Which requests of customers about their data are open, whose may not be used, whose consent was all we had, and how far has contacts heard the others?"""

from alembic import op
from crm_contacts.basis import OTHER_BASIS
from crm_events.consuming.offsets import OFFSETS
from crm_events.store.ddl import run_script

revision = "0007"
down_revision = "0006"

# Columns, though they rewrite the table once: an index over an expression of `state` would make every update of every row an update of all indexes.
OPEN = """
alter table streams
  add column unbased_since bigint generated always as ((state -> 'columns' ->> 'unbased_since')::bigint) stored,    -- milliseconds
  add column waiting_since bigint generated always as ((state -> 'columns' ->> 'waiting_since')::bigint) stored,
  add column restriction uuid generated always as ((state -> 'columns' ->> 'restriction')::uuid) stored;
create index streams_unbased on streams (unbased_since, stream_id) where unbased_since is not null;
create index streams_waiting on streams (waiting_since, stream_id) where waiting_since is not null;
create index streams_restriction on streams (restriction) where restriction is not null;
"""


def upgrade() -> None:
    run_script(op.get_bind(), OPEN + OFFSETS + OTHER_BASIS)

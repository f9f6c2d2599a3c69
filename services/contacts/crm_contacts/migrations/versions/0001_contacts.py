"""The event store, the columns contacts are found by, and which keys are destroyed already."""

from alembic import op
from crm_events.store.ddl import create_store, run_script

revision = "0001"
down_revision = None

COLUMNS = """
alter table streams
  add column merged_into uuid generated always as ((state -> 'columns' ->> 'merged_into')::uuid) stored,
  add column erasure uuid generated always as ((state -> 'columns' ->> 'erasure')::uuid) stored,
  add column erasing boolean generated always as (coalesce((state -> 'columns' ->> 'erasing')::boolean, false)) stored,
  add column occurred_at bigint generated always as ((state -> 'columns' ->> 'occurred_at')::bigint) stored,
  add column other_id uuid generated always as ((state -> 'columns' ->> 'other_id')::uuid) stored,
  add column open boolean generated always as (coalesce((state -> 'columns' ->> 'open')::boolean, false)) stored;
create index streams_merged_into on streams (merged_into) where merged_into is not null;
create index streams_erasing on streams (stream_id) where erasing;
create index streams_erasure on streams (erasure) where erasure is not null;
create index streams_interactions on streams (customer_id, occurred_at desc, stream_id desc) where type = 'interaction';
create index streams_other on streams (other_id) where open;

create table destroyed_key (
  customer_id uuid primary key,
  key_id uuid not null,
  noted_at timestamptz not null default clock_timestamp()         -- not before the vault destroyed it
);
"""


def upgrade() -> None:
    create_store(op.get_bind())
    run_script(op.get_bind(), COLUMNS)

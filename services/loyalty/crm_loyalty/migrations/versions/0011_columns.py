"""By which columns are rights, invoices, targets of offers and referrals found?

Columns instead of indexes over expressions of `state`, though they rewrite the table once: with those, every update of every row was an update of all indexes.
"""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0011"
down_revision = "0010"

COLUMNS = """
drop index streams_entitles, streams_invoices, streams_owed, streams_offer, streams_referred;
alter table streams
  add column entitles uuid generated always as ((state -> 'columns' ->> 'entitles')::uuid) stored,              -- the member, while the right stands
  add column invoice_due bigint generated always as ((state -> 'columns' ->> 'invoice_due')::bigint) stored,    -- microseconds
  add column invoice_state text generated always as (state -> 'columns' ->> 'invoice_state') stored,
  add column offer uuid generated always as ((state -> 'columns' ->> 'offer')::uuid) stored,
  add column referred uuid generated always as ((state -> 'columns' ->> 'other')::uuid) stored;
create index streams_entitles on streams (entitles) where entitles is not null;
create index streams_invoices on streams (invoice_due, stream_id) where invoice_due is not null;
create index streams_owed on streams (invoice_due, stream_id) where invoice_state in ('open', 'part_paid');
create index streams_offer on streams (offer, stream_id) where offer is not null;
create index streams_referred on streams (referred) where referred is not null;
"""


def upgrade() -> None:
    run_script(op.get_bind(), COLUMNS)

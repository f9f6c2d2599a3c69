"""The indexes by which invoices are listed, the earliest due first; expressions, for a column would rewrite the table."""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0006"
down_revision = "0005"

LISTED = """
create index streams_invoices on streams (((state -> 'columns' ->> 'invoice_due')::bigint), stream_id) where type = 'invoice';
create index streams_owed on streams (((state -> 'columns' ->> 'invoice_due')::bigint), stream_id)
  where type = 'invoice' and state -> 'columns' ->> 'invoice_state' in ('open', 'part_paid');
"""


def upgrade() -> None:
    run_script(op.get_bind(), LISTED)

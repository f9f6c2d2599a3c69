"""Which points do we owe for complaints that were made good? Heard from tickets, paid once."""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0005"
down_revision = "0004"

OWED = """
create table recovery_owed (
  recovery_id uuid primary key,
  customer_id uuid not null,
  points bigint not null,
  event_id uuid not null,
  occurred_at timestamptz not null,
  correlation_id text,
  traceparent text,
  settled_at timestamptz,               -- null: the customer is no member of a programme yet
  member_id uuid);                      -- whose it became; null of a settled one: the customer was forgotten
create index recovery_owed_open on recovery_owed (occurred_at, recovery_id) where settled_at is null;
"""


def upgrade() -> None:
    run_script(op.get_bind(), OWED)

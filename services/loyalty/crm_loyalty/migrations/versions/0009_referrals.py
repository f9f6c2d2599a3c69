"""Who is tied to whom, as contacts tells; which referrals are to be looked at, and when; and by which index they are found from the referred customer."""

from alembic import op
from crm_events.store.ddl import run_script

revision = "0009"
down_revision = "0008"

TABLES = """
create table customer_tie (
  tie_id uuid primary key,              -- the relationship's stream, or the match's
  kind text not null,                   -- household, identifier
  one uuid not null,
  other uuid not null,
  position bigint not null,             -- of the event that said so: what is older changes nothing
  tied boolean not null);
create index customer_tie_one on customer_tie (one);
create index customer_tie_other on customer_tie (other);

create table referral_watch (
  referral_id uuid primary key,
  look_at timestamptz not null);        -- nothing to do before; without a row, nothing to do until an event
create index referral_watch_look_at on referral_watch (look_at);

create index streams_referred on streams ((state -> 'columns' ->> 'other')) where type = 'referral';
"""


def upgrade() -> None:
    run_script(op.get_bind(), TABLES)

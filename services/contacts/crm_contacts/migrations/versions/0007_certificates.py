"""Which requests of customers about their data are open, whose may not be used, whose consent was all we had, and how far has contacts heard the others?"""

from alembic import op
from crm_contacts.basis import OTHER_BASIS
from crm_events.consuming.offsets import OFFSETS
from crm_events.store.ddl import run_script

revision = "0007"
down_revision = "0006"

OPEN = """
create index streams_uncertified on streams (stream_id) where type = 'privacy_request' and state -> 'columns' ->> 'uncertified' is not null;
create index streams_asked on streams (((state -> 'columns' ->> 'asked_at')::bigint))
  where type = 'privacy_request' and state -> 'columns' ->> 'asked_at' is not null;
create index streams_restriction on streams ((state -> 'columns' ->> 'restriction')) where state -> 'columns' ->> 'restriction' is not null;
create index streams_unbased on streams (((state -> 'columns' ->> 'unbased_since')::bigint), stream_id)
  where type = 'contact' and state -> 'columns' ->> 'unbased_since' is not null;
"""


def upgrade() -> None:
    run_script(op.get_bind(), OPEN + OFFSETS + OTHER_BASIS)

"""Which erasures have no certificate yet, and how far has contacts heard the others?"""

from alembic import op
from crm_events.consuming.offsets import OFFSETS
from crm_events.store.ddl import run_script

revision = "0007"
down_revision = "0006"

OPEN = """
create index streams_uncertified on streams (stream_id) where type = 'privacy_request' and state -> 'columns' ->> 'uncertified' is not null;
"""


def upgrade() -> None:
    run_script(op.get_bind(), OPEN + OFFSETS)

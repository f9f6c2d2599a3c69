"""Of which erasures was heard, and are they obeyed?"""

from alembic import op
from crm_events.obeying import ERASURE_HEARD
from crm_events.store.ddl import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(op.get_bind(), ERASURE_HEARD)

"""What is listed beside tickets: work, follow-ups, feedback and ideas."""

from alembic import op
from crm_events.store.ddl import run_script
from crm_tickets.beside import LISTED

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(op.get_bind(), LISTED)

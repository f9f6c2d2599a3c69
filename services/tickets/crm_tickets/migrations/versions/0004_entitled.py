"""Whose tickets are served first: the priorities that customers are entitled to, as heard from loyalty."""

from alembic import op
from crm_events.store.ddl import run_script
from crm_tickets.entitled import ENTITLED

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), ENTITLED)

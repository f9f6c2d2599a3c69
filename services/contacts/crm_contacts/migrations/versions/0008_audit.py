"""Whose personal text was told in clear, and to whom?"""

from alembic import op
from crm_chassis.audit import ACCESS
from crm_events.store.ddl import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), ACCESS)

"""What operators did to the read model, kept for ever; and which sources they paused."""

from importlib.resources import files

from alembic import op
from crm_events.store.ddl import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(op.get_bind(), files("crm_reporting.migrations").joinpath("trail.sql").read_text())

"""When did a customer last buy, as loyalty tells?"""

from alembic import op
from crm_contacts.lifecycle import LAST_PURCHASE
from crm_events.store.ddl import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(op.get_bind(), LAST_PURCHASE)

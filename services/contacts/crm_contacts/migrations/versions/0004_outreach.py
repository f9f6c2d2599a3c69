"""What was sent to a customer is found by the customer, the newest first."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("create index streams_outreach on streams (customer_id, occurred_at desc, stream_id desc) where type = 'outreach'")

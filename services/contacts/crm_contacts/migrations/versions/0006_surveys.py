"""What a customer was asked is found by the customer, the newest first."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("create index streams_surveys on streams (customer_id, occurred_at desc, stream_id desc) where type = 'survey'")

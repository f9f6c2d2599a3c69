"""A rebuild's summaries are made by the same ranges as its documents, by several processes."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("alter table rebuild_range add column composed_at timestamptz")

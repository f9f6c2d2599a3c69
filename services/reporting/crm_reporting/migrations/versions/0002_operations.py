"""Operations that were asked for under a key, so that asking again does them once."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table operation (                            -- kept 30 days
          command_id uuid primary key,
          fingerprint bytea not null,                       -- of the request, to tell a repeat from another request under the same key
          outcome json not null,
          asked_at timestamptz not null default clock_timestamp()
        )
        """
    )

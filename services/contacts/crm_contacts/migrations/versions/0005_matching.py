"""How far the store's events were looked at by the rules that find who is one customer; and the pairs to be looked at, the newest first."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("create table matched (rules text primary key, position bigint not null default 0)")
    op.execute("create index streams_matches on streams (occurred_at desc, stream_id desc) where type = 'match'")

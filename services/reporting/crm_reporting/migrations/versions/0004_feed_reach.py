"""How far each partition of the feed's topic reached, to see that a broker came back with less."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("create table feed_reach (partition smallint primary key, reach bigint not null)")

"""Which tables does an event store need? One script, run by the first migration of each service that writes."""

from importlib.resources import files

import sqlalchemy as sa


def run_script(bind: sa.Connection, script: str) -> None:
    """Run several statements at once, inside the migration's transaction: prepared statements, which the dialect uses, hold only one."""
    bind.exec_driver_sql("select 1")  # opens the transaction, which the dialect begins with the first statement
    bind.connection.dbapi_connection.run_async(lambda connection: connection.execute(script))  # type: ignore[union-attr]


def create_store(bind: sa.Connection) -> None:
    """The tables of `schema.sql` and the append function, in the current search path."""
    run_script(bind, files("crm_events.store").joinpath("schema.sql").read_text())
    create_append(bind)


def keep_no_statistics(bind: sa.Connection, table: str, column: str) -> None:
    """Have the server forget the column's frequent values, and gather none from now on: what is deleted from the table would stay in them."""
    run_script(bind, f"alter table {table} alter column {column} type bytea, alter column {column} set statistics 0")


def create_append(bind: sa.Connection) -> None:
    """The append function of `append.sql`, or its newest text. One of another signature stays, for processes of the version before that still run."""
    run_script(bind, files("crm_events.store").joinpath("append.sql").read_text())

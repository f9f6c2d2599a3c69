"""Which tables does an event store need? One script, run by the first migration of each service that writes."""

from importlib.resources import files

import sqlalchemy as sa


def run_script(bind: sa.Connection, script: str) -> None:
    """Run several statements at once, inside the migration's transaction: prepared statements, which the dialect uses, hold only one."""
    bind.exec_driver_sql("select 1")  # opens the transaction, which the dialect begins with the first statement
    bind.connection.dbapi_connection.run_async(lambda connection: connection.execute(script))  # type: ignore[union-attr]


def create_store(bind: sa.Connection) -> None:
    """The tables and the append function of `schema.sql`, in the current search path."""
    run_script(bind, files("crm_events.store").joinpath("schema.sql").read_text())

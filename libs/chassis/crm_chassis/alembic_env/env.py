"""How does alembic reach the database? Over the connection that `crm_chassis.migrating` hands it, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
context.run_migrations()

"""The one alembic environment: services bring only `migrations/versions`."""

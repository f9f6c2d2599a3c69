"""Where do the store's tests get a migrated database and an open store from?"""

from collections.abc import AsyncIterator

import pytest
from crm_events.store.store import EventStore
from jars import migrated, opened


@pytest.fixture
async def url(databases) -> AsyncIterator[str]:
    made = await databases.create(await databases.template("event-store", migrated))
    yield made
    await databases.drop(made)


@pytest.fixture
async def store(url: str) -> AsyncIterator[EventStore]:
    async with opened(url) as store:
        yield store

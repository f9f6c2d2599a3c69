"""Which values were found to identify nobody, and may be nobody's?"""

from collections.abc import Sequence

from crm_events.identifiers import Recognised
from crm_events.refusals import Blocked
from crm_events.store.store import EventStore

from crm_contacts.identification import blocked_scope

_FOUND = """
select from unnest($1::text[], $2::bytea[]) asked(scope, hash) join claims c on c.hash = asked.hash and c.scope = asked.scope || ':' || c.holder::text limit 1
"""


async def must_identify(store: EventStore, items: Sequence[Recognised]) -> None:
    """Looked at, not held: that none of these values was blocked. Raises Blocked."""
    if not items:
        return
    asked = [blocked_scope(item.kind, item.system) for item in items], [store.hash(item.normalised) for item in items]
    if await store.pool.fetchrow(_FOUND, *asked) is not None:
        raise Blocked("This value was found to identify nobody; leave it out, or ask the customer for their own.")

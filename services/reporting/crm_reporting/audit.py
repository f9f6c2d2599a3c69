"""Who looked at whom? Every read about one customer, and every row of a list with names in clear, leaves a row in `access`, a fraction of a second later.

Events read in bulk leave theirs, one a customer, before they are answered.
"""

from uuid import UUID

from crm_chassis.audit import Audit
from crm_chassis.call import Call


async def note_access(call: Call, customer_id: UUID) -> None:
    """Remember that this caller read about this customer."""
    audit: Audit = call.state.audit
    audit.note(call.actor, customer_id, call.operation, call.request_id, opened=call.may_see_personal)

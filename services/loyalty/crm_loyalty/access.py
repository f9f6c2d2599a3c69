"""Who may do what here? Any one of the scopes admits; `self` lets a customer's own token in, for its own members and those merged with it."""

from typing import Annotated

from crm_chassis.body import Told
from crm_chassis.call import Call, caller
from crm_events.refusals import Invalid
from fastapi import Security

Read = Annotated[Call, Security(caller, scopes=["loyalty:read"])]
ReadOwn = Annotated[Call, Security(caller, scopes=["loyalty:read", "self"])]
Write = Annotated[Call, Security(caller, scopes=["loyalty:write"])]
WriteOwn = Annotated[Call, Security(caller, scopes=["loyalty:write", "self"])]
Admin = Annotated[Call, Security(caller, scopes=["loyalty:admin"])]
ReadProgramme = Annotated[Call, Security(caller, scopes=["loyalty:read", "loyalty:admin"])]


def of_now(call: Call, body: Told) -> None:
    """Invalid, where a customer's own token tells of the past: that an offer had not ended yet, or that nothing was bought before, is not theirs to say."""
    if call.customers is not None and body.occurred_at is not None:
        raise Invalid("/occurred_at", "not-yours", "You tell of now. Leave the time out.")

"""Who may do what here? Any one of the scopes admits; `self` lets a customer's own token in, for its own contact and those merged with it."""

from typing import Annotated

from crm_chassis.call import Call, caller
from fastapi import Security

Read = Annotated[Call, Security(caller, scopes=["contacts:read"])]
ReadOwn = Annotated[Call, Security(caller, scopes=["contacts:read", "self"])]
Write = Annotated[Call, Security(caller, scopes=["contacts:write"])]
WriteOwn = Annotated[Call, Security(caller, scopes=["contacts:write", "self"])]
Merge = Annotated[Call, Security(caller, scopes=["contacts:merge"])]
Privacy = Annotated[Call, Security(caller, scopes=["privacy:write"])]

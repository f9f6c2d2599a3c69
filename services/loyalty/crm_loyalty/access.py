"""Who may do what here? Any one of the scopes admits; `self` lets a customer's own token in, for its own members and those merged with it."""

from typing import Annotated

from crm_chassis.call import Call, caller
from fastapi import Security

Read = Annotated[Call, Security(caller, scopes=["loyalty:read"])]
ReadOwn = Annotated[Call, Security(caller, scopes=["loyalty:read", "self"])]
Write = Annotated[Call, Security(caller, scopes=["loyalty:write"])]
WriteOwn = Annotated[Call, Security(caller, scopes=["loyalty:write", "self"])]
Admin = Annotated[Call, Security(caller, scopes=["loyalty:admin"])]
ReadProgramme = Annotated[Call, Security(caller, scopes=["loyalty:read", "loyalty:admin"])]

"""What may a token allow? Every scope there is; a route names those of which any one admits."""

SCOPES = {
    "contacts:read": "Read contacts.",
    "contacts:write": "Write contacts.",
    "contacts:merge": "Merge contacts, and take merges back.",
    "privacy:write": "Export, erase, restrict.",
    "tickets:read": "Read tickets.",
    "tickets:write": "Write tickets.",
    "tickets:admin": "Define calendars and service levels.",
    "loyalty:read": "Read members and their points.",
    "loyalty:write": "Write members, purchases, redemptions.",
    "loyalty:admin": "Publish programmes, adjust points.",
    "reporting:read": "Read the unified view and the figures.",
    "reporting:admin": "Set cost rates and targets.",
    "ops:read": "Watch projections and reconciliation.",
    "ops:write": "Rebuild, retry, drop.",
    "webhooks:read": "See who has events sent, and how each delivery went.",
    "webhooks:write": "Have events sent to an address, change that, send again.",
    "personal:read": "See personal fields.",
    "satisfaction": "Say how content one was with one ticket, by the token of its link.",
    "self": "A customer: what is theirs, and nothing else.",
}

LINKED = ("satisfaction",)  # what the token of a link may do, and no other token
MACHINES = SCOPES.keys() - {"self", *LINKED}  # what a service key may be given: it is no customer

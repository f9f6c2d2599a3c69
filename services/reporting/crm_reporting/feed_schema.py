"""What is in a record of the customers' feed? The JSON Schema that its `ce_dataschema` names."""

from typing import Any

from crm_events.schemas import DIALECT

_OBJECT, _MAYBE, _LIST = {"type": "object"}, {"type": ["object", "null"]}, {"type": "array", "items": {"type": "object"}}
_ID = {"type": "string", "format": "uuid"}
_SECTIONS: dict[str, Any] = {
    "profile": _MAYBE | {"description": "Who the customer is; `null`: nobody told. Personal fields are sealed."},
    "consents": _LIST,
    "preferences": _OBJECT,
    "relationships": _LIST,
    "contact": _OBJECT,
    "service": _OBJECT,
    "loyalty": _MAYBE,
    "purchases": _OBJECT,
    "scores": _OBJECT,
}
FEED_SCHEMA: dict[str, Any] = {
    "$schema": DIALECT,
    "$id": "/schemas/customer.changed/1",
    "title": "customer.changed",
    "description": "A customer as reporting sees them: the newest record of each key holds everybody. No value: the id was merged away, or erased.",
    "type": "object",
    "required": ["customer_id", "version", "member_ids", "changed_at", "view"],
    "properties": {
        "customer_id": _ID,
        "version": {"type": "integer", "minimum": 1, "description": "Grows with each change; an older one than you have is a repeat."},
        "member_ids": {"type": "array", "items": _ID, "minItems": 1, "description": "All ids of the customer, this one first."},
        "changed_at": {"type": "string", "format": "date-time"},
        "view": {
            "type": "object",
            "description": "The sections of the unified view (`GET /v1/customers/{id}`), without what the clock alone moves.",
            "required": list(_SECTIONS),
            "properties": _SECTIONS,
        },
    },
}

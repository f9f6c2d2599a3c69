"""What do subscribers find on which topic? AsyncAPI 3.0, assembled from the registry and the declared topics, so that it cannot say anything else.

Schemas are told in AsyncAPI's own dialect (draft 7 and a little more); `x-dataschema` names the published one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_events.event import Event
from crm_events.examples import example
from crm_events.registry import REGISTRY, Kind
from crm_events.schemas import of_model
from crm_events.topics import DECLARED, FEED, SOURCES, Topic

Part = dict[str, Any]
BROKER = "localhost:19092"  # of a stack on this machine; where yours is, its operators say
ABOUT = """Every fact of contacts, tickets and loyalty, on Kafka, for ever. CloudEvents 1.0 in binary mode: attributes in headers, the payload in the value.

The key is the customer's id (the stream's, where an event is about no customer); one customer's events of one service are in order, on one partition of twelve.
`ce_previous` of each record is the `ce_position` of the one before it on its partition: with one integer a partition a reader knows that it misses nothing and
sees nothing twice. A field marked `x-sealed` holds text sealed with the customer's own key; who may see it reads `GET /v1/events` of reporting."""
_ID, _WHOLE, _MOMENT = {"type": "string", "format": "uuid"}, {"type": "string", "pattern": "^[0-9]+$"}, {"type": "string", "format": "date-time"}
_HEADERS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "ce_specversion": ({"type": "string", "const": "1.0"}, "CloudEvents."),
    "ce_id": (_ID, "The event's own id."),
    "ce_source": ({"type": "string", "pattern": "^/[a-z]+$"}, "The service that tells it."),
    "ce_type": ({"type": "string"}, "What happened."),
    "ce_time": (_MOMENT, "When it happened."),
    "ce_recordedtime": (_MOMENT, "When it was written down."),
    "ce_subject": (_ID, "The customer; absent where the event is about none."),
    "ce_dataschema": ({"type": "string", "format": "uri"}, "Where the payload's JSON Schema is served."),
    "ce_partitionkey": (_ID, "The record's key."),
    "ce_streamid": (_ID, "The contact, ticket, member … it happened to."),
    "ce_sequence": (_WHOLE, "Its number in that stream, from 1."),
    "ce_position": (_WHOLE, "Its number among all events of this service, without gaps."),
    "ce_previous": (_WHOLE, "The position of this service's event before it on this partition; 0: it is the first."),
    "ce_commandid": (_ID, "The command by which it was told; events of one command share it."),
    "ce_correlationid": ({"type": "string"}, "The request that led to it."),
    "ce_causationid": (_ID, "The event that led to it."),
    "ce_actor": ({"type": "string"}, "Who did it: customer:, agent: or service: and an id, or timer."),
    "traceparent": ({"type": "string"}, "W3C Trace Context."),
    "content-type": ({"type": "string", "const": "application/json"}, "Of the value."),
}
_SOMETIMES = {"ce_subject", "ce_correlationid", "ce_causationid", "traceparent"}
_KEY = {"kafka": {"key": _ID, "bindingVersion": "0.5.0"}}


def document(schema_base_url: str, bootstrap: str, *, owner: str | None = None, feed: Mapping[str, Any] | None = None) -> Part:
    """The whole document, or one service's part. `feed`: the JSON Schema of the customers' feed, which reporting has; without it, the feed is left out."""
    kinds = [kind for kind in REGISTRY.values() if owner in (None, kind.owner)]
    messages = {kind.type: _message(kind, schema_base_url) for kind in kinds}
    schemas = {"Headers": _headers(), **{name: part for kind in kinds for name, part in _parts(kind.model).items()}}
    channels = {source: _channel(_topic(name), (kind.type for kind in kinds if kind.owner == source)) for source, name in SOURCES.items()}
    if feed is not None:
        messages["customer.changed"] = _feed_message(feed)
        channels["customers"] = _channel(_topic(FEED), ["customer.changed"])
    told = {name: channel for name, channel in channels.items() if channel["messages"]}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Customer interactions: events" if owner is None else f"Events of {owner}", "version": "1.0.0", "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": bootstrap, "protocol": "kafka", "description": "Of a stack on one machine; where yours is, its operators say."}},
        "channels": told,
        "operations": {f"tell{name.title()}": _operation(name) for name in told},
        "components": {"messages": messages, "schemas": schemas},
    }


def _topic(name: str) -> Topic:
    return next(topic for topic in DECLARED if topic.name == name)


def _channel(topic: Topic, types: Iterable[str]) -> Part:
    compacts = topic.configs["cleanup.policy"] == "compact"
    configuration = {
        "cleanup.policy": [topic.configs["cleanup.policy"]],
        "retention.ms": int(topic.configs["retention.ms"]),
        "retention.bytes": int(topic.configs["retention.bytes"]),
        "max.message.bytes": int(topic.configs["max.message.bytes"]),
    }
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Written by {topic.owner} alone. {'The newest of each key is kept; no value: gone.' if compacts else 'Everything is kept.'}",
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in types},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": configuration, "bindingVersion": "0.5.0"},
        },
    }


def _operation(name: str) -> Part:
    return {"action": "send", "channel": {"$ref": f"#/channels/{name}"}, "summary": "Tells what happened."}


def _message(kind: Kind, base: str) -> Part:
    shown = example(kind.type, base)
    schema = of_model(kind.model)
    own = {"ce_type": {"const": kind.type}, "ce_source": {"const": f"/{kind.owner}"}}
    return {
        "name": kind.type,
        "title": kind.type,
        "summary": first_line(schema["description"]),
        "description": schema["description"],
        "tags": [{"name": kind.owner}],
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "headers": {"allOf": [{"$ref": "#/components/schemas/Headers"}, {"type": "object", "properties": own}]},
        "payload": {"$ref": f"#/components/schemas/{kind.type}"},
        "bindings": _KEY,
        "examples": [{"name": "told", "summary": "As it was told.", "headers": shown.headers, "payload": shown.data}],
        "x-dataschema": f"/schemas/{kind.type}/{kind.schema_version}",
        "x-sealed": sorted(kind.personal),
    }


def _feed_message(schema: Mapping[str, Any]) -> Part:
    return {
        "name": "customer.changed",
        "title": "customer.changed",
        "summary": "The newest view of a customer; without a value: merged away or erased.",
        "tags": [{"name": "reporting"}],
        "contentType": "application/json",
        "headers": {"type": "object", "properties": {"ce_type": {"const": "customer.changed"}, "ce_sequence": _WHOLE}},
        "payload": {name: part for name, part in schema.items() if name not in ("$schema", "$id")},
        "bindings": _KEY,
        "x-dataschema": schema["$id"],
    }


def _headers() -> Part:
    properties = {name: {**schema, "description": text} for name, (schema, text) in _HEADERS.items()}
    return {"type": "object", "required": [name for name in _HEADERS if name not in _SOMETIMES], "properties": properties}


def _parts(model: type[Event]) -> Part:
    """The payload's schema and its parts, each a component of its own: references are of the whole document here."""
    drawn = of_model(model)
    parts = {f"{model.type}.{name}": _dialect(part, model.type) for name, part in drawn.get("$defs", {}).items()}
    whole = {name: part for name, part in drawn.items() if name not in ("$schema", "$id", "$defs", "title")}
    return {model.type: _dialect(whole, model.type), **parts}


def _dialect(node: Any, type_: str) -> Any:
    if isinstance(node, list):
        return [_dialect(each, type_) for each in node]
    if not isinstance(node, Mapping):
        return node
    told = {name: _dialect(part, type_) for name, part in node.items()}
    if isinstance(told.get("$ref"), str):
        told["$ref"] = told["$ref"].replace("#/$defs/", f"#/components/schemas/{type_}.")
    if "prefixItems" in told:
        told["items"] = told.pop("prefixItems")
    return told


def first_line(text: str) -> str:
    """The first sentence of a description."""
    return text.split("\n")[0].split(". ")[0].rstrip(".") + "."

"""How does an envelope travel on Kafka? CloudEvents 1.0, binary mode: attributes in headers, the payload as it is in the value.

Written out by hand, for speed; the tests hold it against the `cloudevents` package, both ways.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import orjson

from crm_events.envelope import Envelope
from crm_events.topics import partition_of

_SPEC = ("ce_specversion", b"1.0")
_JSON = ("content-type", b"application/json")


class Alien(Exception):
    """A record that is not one of ours: headers missing or malformed. It is parked by its topic, partition and offset."""


@lru_cache(maxsize=1_000)
def _of_type(source: str, type_: str, schema_version: int, schema_base_url: str) -> tuple[tuple[str, bytes], ...]:
    schema = f"{schema_base_url.rstrip('/')}/schemas/{type_}/{schema_version}"
    return (_SPEC, _JSON, ("ce_source", b"/" + source.encode()), ("ce_type", type_.encode()), ("ce_dataschema", schema.encode()))


def headers(envelope: Envelope, schema_base_url: str) -> list[tuple[str, bytes]]:
    """The headers of one record; what the envelope does not have is left out. The record's key is `ce_partitionkey`'s bytes, its value the payload."""
    e = envelope
    # One call for all: orjson writes an id or a time several times faster than str() and strftime().
    event_id, stream_id, key, command_id, occurred, recorded = orjson.dumps(
        (e.event_id, e.stream_id, e.key, e.command_id, e.occurred_at.astimezone(UTC), e.recorded_at.astimezone(UTC))
    )[2:-2].split(b'","')
    told = [
        *_of_type(e.source, e.type, e.schema_version, schema_base_url),
        ("ce_id", event_id),
        ("ce_time", b"%b.%03dZ" % (occurred[:19], e.occurred_at.microsecond // 1000)),
        ("ce_recordedtime", b"%b.%03dZ" % (recorded[:19], e.recorded_at.microsecond // 1000)),
        ("ce_partitionkey", key),
        ("ce_streamid", stream_id),
        ("ce_sequence", b"%d" % e.version),
        ("ce_position", b"%d" % e.position),
        ("ce_commandid", command_id),
        ("ce_actor", e.actor.encode()),
    ]
    if e.subject is not None:
        told.append(("ce_subject", key if e.subject == e.key else str(e.subject).encode()))
    if e.previous is not None:
        told.append(("ce_previous", b"%d" % e.previous))
    if e.correlation_id is not None:
        told.append(("ce_correlationid", e.correlation_id.encode()))
    if e.causation_id is not None:
        told.append(("ce_causationid", str(e.causation_id).encode()))
    if e.traceparent is not None:
        told.append(("traceparent", e.traceparent.encode()))
    return told


def decode(key: bytes | None, value: bytes | None, record_headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of one record; `payload` is b"" for a tombstone. Raises Alien."""
    head = dict(record_headers)
    try:
        if head["ce_specversion"] != b"1.0" or not head["content-type"].startswith(b"application/json"):
            raise Alien("not CloudEvents 1.0 in binary mode with JSON data")
        if key != head["ce_partitionkey"] or head.get("ce_subject", key) != key:
            raise Alien("the record's key is not the event's")
        source, type_ = head["ce_source"].decode(), head["ce_type"].decode()
        if source[:1] != "/":
            raise Alien(f"no source of ours: {source[:80]!r}")
        customer = _uuid(key)
        stream_id = customer if head["ce_streamid"] == key else _uuid(head["ce_streamid"])
        return Envelope(
            source=source[1:],
            position=_whole(head["ce_position"]),
            partition=partition_of(customer),
            stream_id=stream_id,
            version=_whole(head["ce_sequence"]),
            event_id=_uuid(head["ce_id"]),
            type=type_,
            schema_version=_schema_version(head["ce_dataschema"], type_),
            key=customer,
            subject=customer if "ce_subject" in head else None,
            occurred_at=_instant(head["ce_time"]),
            recorded_at=_instant(head["ce_recordedtime"]),
            payload=value or b"",
            command_id=_uuid(head["ce_commandid"]),
            actor=head["ce_actor"].decode(),
            correlation_id=head["ce_correlationid"].decode() if "ce_correlationid" in head else None,
            causation_id=_uuid(head["ce_causationid"]) if "ce_causationid" in head else None,
            traceparent=head["traceparent"].decode() if "traceparent" in head else None,
            previous=_whole(head["ce_previous"]) if "ce_previous" in head else None,
        )
    except KeyError as missing:
        raise Alien(f"no header {missing}") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise Alien(f"a malformed header: {type(error).__name__}") from None


def _uuid(text: bytes) -> UUID:
    if len(text) != 36:
        raise ValueError("not an id")
    return UUID(text.decode())


def _whole(text: bytes) -> int:
    if not text.isdigit():
        raise ValueError("not a count")
    return int(text)


def _instant(text: bytes) -> datetime:
    moment = datetime.fromisoformat(text.decode())
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment.astimezone(UTC)


@lru_cache(maxsize=1_000)
def _schema_version(dataschema: bytes, type_: str) -> int:
    path, _, version = dataschema.decode().rpartition("/")
    if not path.endswith(f"/schemas/{type_}"):
        raise ValueError("the schema of another type")
    return _whole(version.encode())

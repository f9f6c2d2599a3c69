"""Is what we put on Kafka a CloudEvent, and do we get back what we put in? The `cloudevents` package judges."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from crm_events.codec import Alien, decode, headers
from crm_events.envelope import Envelope
from crm_events.event import utc_text
from crm_events.topics import partition_of
from hypothesis import given
from hypothesis import strategies as st

BASE = "http://localhost:8001"
words = st.from_regex(r"[a-z]{1,12}\.[a-z_]{1,20}", fullmatch=True)
counts = st.integers(1, 2**62)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=3, minutes=30))])).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    key = draw(st.uuids())
    return Envelope(
        source=draw(st.sampled_from(["contacts", "tickets", "loyalty", "reporting"])),
        position=draw(counts),
        partition=partition_of(key),
        stream_id=draw(st.one_of(st.just(key), st.uuids())),
        version=draw(counts),
        event_id=draw(st.uuids()),
        type=draw(words),
        schema_version=draw(st.integers(1, 99)),
        key=key,
        subject=draw(st.sampled_from([key, None])),
        occurred_at=draw(moments),
        recorded_at=draw(moments),
        payload=json.dumps(draw(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))).encode(),
        command_id=draw(st.uuids()),
        actor=draw(st.sampled_from(["timer", "agent:agent-7", "service:importer", "customer:مریم"])),
        correlation_id=draw(st.none() | st.text("0123456789abcdef", min_size=32, max_size=32)),
        causation_id=draw(st.none() | st.uuids()),
        traceparent=draw(st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        previous=draw(st.none() | st.integers(0, 2**62)),
    )


def plain() -> Envelope:
    key = uuid4()
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Envelope("contacts", 7, partition_of(key), key, 1, uuid4(), "contact.registered", 1, key, key, at, at, b"{}", uuid4(), "timer", previous=0)


@given(envelopes())
def test_what_is_encoded_is_decoded_alike(envelope: Envelope) -> None:
    assert decode(str(envelope.key).encode(), envelope.payload, headers(envelope, BASE)) == envelope


@given(envelopes())
def test_another_implementation_reads_what_we_write(envelope: Envelope) -> None:
    told = headers(envelope, BASE)
    assert len(dict(told)) == len(told), "a header twice"
    event = from_binary_event(KafkaMessage(dict(told), str(envelope.key).encode(), envelope.payload))
    assert isinstance(event, CloudEvent)
    attributes = event.get_attributes()
    optional = {
        "subject": envelope.subject and str(envelope.subject),
        "correlationid": envelope.correlation_id,
        "causationid": envelope.causation_id and str(envelope.causation_id),
        "previous": None if envelope.previous is None else str(envelope.previous),
    }
    assert attributes == {
        "specversion": "1.0",
        "id": str(envelope.event_id),
        "source": f"/{envelope.source}",
        "type": envelope.type,
        "time": envelope.occurred_at,
        "recordedtime": utc_text(envelope.recorded_at),
        "datacontenttype": "application/json",
        "dataschema": f"{BASE}/schemas/{envelope.type}/{envelope.schema_version}",
        "partitionkey": str(envelope.key),
        "streamid": str(envelope.stream_id),
        "sequence": str(envelope.version),
        "position": str(envelope.position),
        "commandid": str(envelope.command_id),
        "actor": envelope.actor,
    } | {name: value for name, value in optional.items() if value is not None}
    assert event.get_data() == json.loads(envelope.payload)


@given(envelopes())
def test_we_read_what_another_implementation_writes(envelope: Envelope) -> None:
    attributes = {
        "id": str(envelope.event_id),
        "source": f"/{envelope.source}",
        "type": envelope.type,
        "time": envelope.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": f"https://events.example.org/a/path/schemas/{envelope.type}/{envelope.schema_version}",
        "recordedtime": envelope.recorded_at.isoformat(),
        "partitionkey": str(envelope.key),
        "streamid": str(envelope.stream_id),
        "sequence": envelope.version,
        "position": envelope.position,
        "commandid": str(envelope.command_id),
        "actor": envelope.actor,
    }
    if envelope.subject:
        attributes["subject"] = str(envelope.subject)
    message = to_binary_event(CloudEvent(attributes, json.loads(envelope.payload)))
    key = message.key.encode() if isinstance(message.key, str) else message.key
    found = decode(key, message.value, message.headers.items())
    for name in (
        "source",
        "position",
        "partition",
        "stream_id",
        "version",
        "event_id",
        "type",
        "schema_version",
        "key",
        "subject",
        "occurred_at",
        "recorded_at",
        "command_id",
        "actor",
    ):
        assert getattr(found, name) == getattr(envelope, name), name
    assert found.occurred_at.tzinfo is found.recorded_at.tzinfo is UTC
    assert json.loads(found.payload) == json.loads(envelope.payload)


def test_times_are_written_in_utc_to_the_millisecond() -> None:
    moment = datetime(2026, 3, 1, 15, 30, 0, 120_000, tzinfo=timezone(timedelta(hours=3, minutes=30)))
    envelope = Envelope(**{**{name: getattr(plain(), name) for name in Envelope.__slots__}, "occurred_at": moment})
    assert dict(headers(envelope, BASE))["ce_time"] == b"2026-03-01T12:00:00.120Z"


def test_what_an_envelope_lacks_has_no_header() -> None:
    key = uuid4()
    bare = Envelope(
        "loyalty", 1, partition_of(key), key, 1, uuid4(), "programme.published", 1, key, None, plain().occurred_at, plain().recorded_at, b"{}", uuid4(), "timer"
    )
    assert not {"ce_subject", "ce_previous", "ce_correlationid", "ce_causationid", "traceparent"} & dict(headers(bare, BASE)).keys()


def test_a_slash_at_the_end_of_the_public_url_is_not_doubled() -> None:
    assert dict(headers(plain(), "https://crm.example.org/contacts/"))["ce_dataschema"] == b"https://crm.example.org/contacts/schemas/contact.registered/1"


REQUIRED = sorted(dict(headers(plain(), BASE)).keys() - {"ce_subject", "ce_previous"})


@pytest.mark.parametrize("name", REQUIRED)
def test_a_record_without_one_of_our_headers_is_alien(name: str) -> None:
    envelope = plain()
    told = [(header, value) for header, value in headers(envelope, BASE) if header != name]
    with pytest.raises(Alien, match=name):
        decode(str(envelope.key).encode(), b"{}", told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("content-type", b"application/cloudevents+json"),
        ("content-type", b"text/plain"),
        ("content-type", None),
        ("ce_id", b"not-an-id"),
        ("ce_id", None),
        ("ce_streamid", b"{0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11}"),
        ("ce_source", b"contacts"),
        ("ce_source", b"\xff"),
        ("ce_type", b""),
        ("ce_time", b"2026-03-01T12:00:00"),
        ("ce_time", b"yesterday"),
        ("ce_sequence", b"-1"),
        ("ce_position", b"1_0"),
        ("ce_position", b""),
        ("ce_previous", b"+1"),
        ("ce_dataschema", b"http://localhost:8001/schemas/contact.merged/1"),
        ("ce_dataschema", b"http://localhost:8001/schemas/contact.registered/-1"),
        ("ce_subject", b"0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11"),
        ("ce_partitionkey", b"0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11"),
        ("ce_causationid", b""),
    ],
)
def test_a_record_with_a_malformed_header_is_alien(name: str, value: bytes) -> None:
    envelope = plain()
    with pytest.raises(Alien):
        decode(str(envelope.key).encode(), b"{}", list((dict(headers(envelope, BASE)) | {name: value}).items()))


def test_a_record_under_another_key_or_none_is_alien() -> None:
    told = [(header, value) for header, value in headers(plain(), BASE) if header != "ce_subject"]
    for key in (None, str(UUID(int=1)).encode()):
        with pytest.raises(Alien, match="key"):
            decode(key, b"{}", told)


def test_a_tombstone_has_an_empty_payload() -> None:
    envelope = plain()
    assert decode(str(envelope.key).encode(), None, headers(envelope, BASE)).payload == b""

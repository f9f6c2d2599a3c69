"""What does a client see of a customer's requests about their own data?"""

from uuid import UUID

from crm_chassis.body import Instant, Resource


class AcknowledgementAnswer(Resource):
    """`service` has obeyed for this id of the customer: so much it looked through, and none of it can be opened."""

    service: str
    member_id: UUID
    at: Instant
    counts: dict[str, int]


class CertificateAnswer(Resource):
    """Proof that the customer was forgotten. `signature`: Ed25519 by `public_key`, both base64url, over the JSON of the first six fields, names sorted."""

    erasure_id: UUID
    member_ids: list[UUID]
    acknowledged_by: list[str]
    counts: dict[str, int]
    scan: str
    erased_at: Instant
    issued_at: Instant
    signature: str
    public_key: str


class ErasureAnswer(Resource):
    """`requested`: nothing personal can be written or read; `destroying`: the keys are destroyed; `erased`: no process can hold one any more.

    `awaiting`: who has not said yet that they obeyed. `certificate`: null until everybody has.
    """

    id: UUID
    state: str
    customer_id: UUID
    member_ids: list[UUID]
    requested_at: Instant
    erased_at: Instant | None
    acknowledgements: list[AcknowledgementAnswer]
    awaiting: list[str]
    certificate: CertificateAnswer | None


class ExportAnswer(Resource):
    """`state`: requested, exported or refused. `due_at`: by when the law wants an answer. It is given by reporting's exportCustomer, read with this `id`."""

    id: UUID
    version: int
    state: str
    customer_id: UUID
    occurred_at: Instant
    due_at: Instant
    exported_at: Instant | None
    refused_at: Instant | None
    reason: str | None
    recorded_at: Instant


class RestrictionAnswer(Resource):
    """Whether the customer's data may not be used, since when. `member_ids`: the contacts it was said of."""

    id: UUID
    customer_id: UUID
    member_ids: list[UUID]
    restricted: bool
    since: Instant


class RedactionAnswer(Resource):
    """What this event said of the customer is read no more."""

    id: UUID
    version: int
    customer_id: UUID
    event_id: UUID
    reason: str | None
    occurred_at: Instant
    recorded_at: Instant

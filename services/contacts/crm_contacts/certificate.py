"""How can a stranger check that a customer was forgotten? By a text that says who has obeyed and what was looked through, signed by contacts."""

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from crm_events.event import utc_text
from crm_events.language.privacy import PrivacyCertified
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crm_contacts.privacy_request import Acknowledgement

CLEAN = "nothing-readable"  # each acknowledgement says so of its own store: none of the values it counted could be opened


class Signer:
    """Signs with Ed25519 (RFC 8032) by a key derived from the master key: as long as that is the same, so is this."""

    def __init__(self, master_key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(HKDF(SHA256(), 32, salt=None, info=b"crm: certificates of erasure").derive(master_key))

    @property
    def public_key(self) -> str:
        """base64url of its 32 bytes."""
        return text(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def certified(self, request_id: UUID, *, members: Sequence[UUID], acknowledged: Iterable[Acknowledgement], erased_at: datetime) -> PrivacyCertified:
        """The certificate of an erasure that everybody has obeyed."""
        said, counts = list(acknowledged), Counter[str]()
        for each in said:
            counts.update(each.counts)
        services = tuple(sorted({each.service for each in said}))
        signed = self._key.sign(signed_text(request_id, members, services, dict(counts), CLEAN, erased_at))
        return PrivacyCertified(
            request_id=request_id, member_ids=tuple(sorted(members)), acknowledged_by=services, counts=dict(counts), scan=CLEAN, signature=text(signed)
        )


def signed_text(request_id: UUID, members: Iterable[UUID], services: Iterable[str], counts: dict[str, int], scan: str, erased_at: datetime) -> bytes:
    """What is signed: JSON in UTF-8 with sorted names and no spaces, as docs/erasure.md shows."""
    told = {
        "erasure_id": str(request_id),
        "member_ids": sorted(map(str, members)),
        "acknowledged_by": sorted(services),
        "counts": counts,
        "scan": scan,
        "erased_at": utc_text(erased_at),
    }
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def text(raw: bytes) -> str:
    """base64url, unpadded."""
    return urlsafe_b64encode(raw).decode().rstrip("=")

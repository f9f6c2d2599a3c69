"""How does a receiver know that a message is ours? Signed as Standard Webhooks lays down: HMAC-SHA256 over id, time and body, one signature a secret."""

import base64
import hmac
from collections.abc import Iterable, Mapping


def headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> Mapping[str, str]:
    """The three headers. `keys`: while a secret is replaced the new and the old one, so that either verifies."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    signatures = [f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(signatures)}

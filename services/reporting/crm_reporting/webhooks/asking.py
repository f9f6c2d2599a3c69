"""Is what a subscriber asks for something that can be done?"""

import asyncio
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import httpx2
from crm_events.refusals import Invalid
from crm_events.registry import REGISTRY

from crm_reporting.webhooks.target import Network, Refused, Target

_PATIENCE = 3.0  # seconds; a name that cannot be looked up now may be there when events come


def check_types(types: Sequence[str], refusal: Callable[[int], Exception] | None = None) -> None:
    """Raises Invalid (or what `refusal` makes of the place) for a type that no service tells: a slip of the pen would be a subscription that stays silent."""
    for place, told in enumerate(types):
        if not any(fnmatchcase(known, told) for known in REGISTRY):
            detail = "No service tells of this type; the catalogue of events names them."
            raise refusal(place) if refusal else Invalid(f"/types/{place}", "unknown-type", detail)


async def check_url(url: str, allowed: Sequence[Network]) -> None:
    """Raises Invalid for what is no address for messages, or one that is refused now. It is looked at again before each message."""
    try:
        told = httpx2.URL(url)
        plain = told.scheme in ("https", "http") and told.host and not told.userinfo and not told.fragment and told.port != 0
    except (httpx2.InvalidURL, ValueError):
        plain = False
    if not plain:
        raise Invalid("/url", "url", "Send an absolute https address without user, password and fragment.")
    if told.scheme == "http" and not allowed:
        raise Invalid("/url", "https", "Messages go over https.")
    try:
        async with asyncio.timeout(_PATIENCE):
            await Target(url, allowed).addresses()
    except TimeoutError:
        return
    except Refused as refused:
        if refused.outcome == "address":
            raise Invalid("/url", "address", refused.detail) from None

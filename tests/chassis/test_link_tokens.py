"""Does a link's token open the one thing it was made for, until its time is over, and can none be made up?"""

import base64
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from crm_chassis.link_tokens import PREFIX, Link, LinkTokens
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 21, 8, 30, tzinfo=UTC)
LINK = Link("satisfaction", uuid.UUID(int=7), 2, NOW + timedelta(days=14))
TOKENS = LinkTokens(b"k" * 32, "tickets", ("satisfaction", "other"))


def test_it_reads_back_as_it_was_signed_until_its_time_is_over() -> None:
    token = TOKENS.sign(LINK)
    assert token == TOKENS.sign(LINK) and token.startswith(PREFIX)
    assert TOKENS.read(token, LINK.until - timedelta(milliseconds=1)) == LINK
    assert TOKENS.read(token, LINK.until) is None


@pytest.mark.parametrize(
    "others",
    [LinkTokens(b"l" * 32, "tickets", ("satisfaction",)), LinkTokens(b"k" * 32, "contacts", ("satisfaction",)), LinkTokens(b"k" * 32, "tickets", ("other",))],
)
def test_another_key_service_or_scope_does_not_read_it(others: LinkTokens) -> None:
    assert others.read(TOKENS.sign(LINK), NOW) is None


@given(at=st.integers(0, 59), bit=st.integers(0, 7))
def test_no_bit_of_it_may_be_another(at: int, bit: int) -> None:
    data = bytearray(base64.urlsafe_b64decode(TOKENS.sign(LINK).removeprefix(PREFIX) + "=="))
    data[at] ^= 1 << bit
    assert TOKENS.read(PREFIX + base64.urlsafe_b64encode(bytes(data)).rstrip(b"=").decode(), NOW) is None


@given(st.text(max_size=100))
def test_what_is_no_token_is_none(text: str) -> None:
    assert TOKENS.read(PREFIX + text, NOW) is None

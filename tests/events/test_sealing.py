"""Can sealed text be opened by its own key alone, where it was sealed, and by nobody after the key is destroyed?"""

import asyncio
import os
import uuid

import asyncpg
import orjson
import pytest
from crm_events.refusals import Gone
from crm_events.sealing import Opener, is_sealed, key_ids_in, open_json, open_tree, seal, sealed_key_ids, unseal
from crm_events.vault import SCHEMA, LocalVault
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

ONE, OTHER, EVENT = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
KEY, ANOTHER = AESGCM(bytes(32)), AESGCM(os.urandom(32))


@given(st.text())
def test_what_was_sealed_is_opened_to_the_letter(text: str) -> None:
    plain = text.encode(errors="ignore").decode()
    sealed = seal(plain, key_id=ONE, key=KEY, event_id=EVENT, field="name")
    assert is_sealed(sealed)
    assert unseal(sealed, {ONE: Opener(KEY)}) == plain
    assert sealed != seal(plain, key_id=ONE, key=KEY, event_id=EVENT, field="name"), "equal texts do not look equal"


def test_sealed_text_cannot_be_moved_to_another_key_event_or_field() -> None:
    sealed = seal("مریم", key_id=ONE, key=KEY, event_id=EVENT, field="name")
    assert unseal(sealed, {ONE: Opener(ANOTHER)}) is None
    assert unseal(sealed.replace(str(ONE), str(OTHER)), {OTHER: Opener(KEY)}) is None
    assert unseal(sealed.replace(str(EVENT), str(OTHER)), {ONE: Opener(KEY)}) is None
    assert unseal(sealed.replace(".name.", ".text."), {ONE: Opener(KEY)}) is None
    assert unseal(sealed, {}) is None


def test_what_was_sealed_for_a_redacted_event_is_opened_no_more() -> None:
    mine, other = (seal("مریم", key_id=ONE, key=KEY, event_id=event, field="text") for event in (EVENT, OTHER))
    shut = {ONE: Opener(KEY, frozenset([EVENT]))}
    assert (unseal(mine, shut), unseal(other, shut)) == (None, "مریم")
    assert open_json(orjson.dumps({"text": mine}), shut) is None and open_tree({"text": mine}, shut) == ({"text": None}, ["text"])


def test_what_cannot_be_opened_is_null_and_named() -> None:
    mine, theirs = (seal(text, key_id=key, key=KEY, event_id=EVENT, field="value") for text, key in (("a", ONE), ("b", OTHER)))
    tree = {"name": mine, "identifiers": [{"value": theirs, "kind": "email"}, {"value": mine}], "count": 3, "code": "s1.not-sealed"}
    assert sealed_key_ids(tree) == {ONE, OTHER}
    shown, redacted = open_tree(tree, {ONE: Opener(KEY)})
    assert shown == {"name": "a", "identifiers": [{"value": None, "kind": "email"}, {"value": "a"}], "count": 3, "code": "s1.not-sealed"}
    assert redacted == ["identifiers.value"]


def _sealed(text: str, key_id: uuid.UUID = ONE) -> str:
    return seal(text.encode(errors="ignore").decode(), key_id=key_id, key=KEY, event_id=EVENT, field="value")


_SAID = st.one_of(
    st.text(),
    st.builds(_sealed, st.text(), st.sampled_from([ONE, ONE, ONE, OTHER])),
    st.builds("{1}{0}{2}".format, st.builds(_sealed, st.text()), *[st.sampled_from(["", '"', '\\"', '":'])] * 2),  # talk about a sealed text
)


@given(st.recursive(st.one_of(_SAID, st.none(), st.booleans(), st.integers(-9, 9)), lambda part: st.lists(part) | st.dictionaries(_SAID, part)))
def test_json_is_opened_as_its_tree_is(tree: object) -> None:
    raw = orjson.dumps(tree, option=orjson.OPT_NON_STR_KEYS)
    opened, redacted = open_tree(orjson.loads(raw), {ONE: Opener(KEY)})
    shown = open_json(raw, {ONE: Opener(KEY)})
    assert key_ids_in(raw) == sealed_key_ids(orjson.loads(raw))
    assert (shown is None) == bool(redacted)
    assert shown is None or orjson.loads(shown) == opened


@pytest.fixture
async def vaults(database: str):
    async with asyncpg.create_pool(database, min_size=0, max_size=4) as pool:
        await pool.execute(SCHEMA)
        yield [LocalVault(pool, bytes(32)) for _ in range(2)]


async def test_two_processes_that_ask_at_once_get_one_key_for_a_customer(vaults: list[LocalVault]) -> None:
    subjects = [uuid.uuid4() for _ in range(20)]
    answers = await asyncio.gather(*(vault.keys_for_writing(subjects) for vault in vaults for _ in range(5)))
    assert len({answer[subject].id for answer in answers for subject in subjects}) == 20
    ids = [key.id for key in answers[0].values()]
    assert set(await vaults[1].keys_for_reading(ids)) == set(ids)


async def test_a_master_key_that_is_not_ours_opens_nothing(vaults: list[LocalVault]) -> None:
    subject = uuid.uuid4()
    key = (await vaults[0].keys_for_writing([subject]))[subject]
    with pytest.raises(Exception, match=r"^$"):
        await LocalVault(vaults[0]._pool, bytes(31) + b"1").keys_for_reading([key.id])


async def test_a_destroyed_key_is_gone_and_none_can_be_made_again(vaults: list[LocalVault]) -> None:
    known, unknown = uuid.uuid4(), uuid.uuid4()
    key = (await vaults[0].keys_for_writing([known]))[known]
    assert await vaults[0].keys_for_reading([key.id])
    first = await vaults[0].destroy([known, unknown])
    again = await vaults[1].destroy([known, unknown])
    assert first == again
    assert await vaults[0].keys_for_reading([key.id]) == {}
    for vault in vaults:  # the first has the known one's key in its cache
        for subject in (known, unknown):
            with pytest.raises(Gone):
                await vault.keys_for_writing([subject])

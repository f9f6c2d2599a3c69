"""What may be said about a contact, and when is it news?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from crm_contacts.consents import Word, set_consent
from crm_contacts.contact import MOST_ABSORBED, MOST_IDENTIFIERS, Contact, Parted, Window, evolve
from crm_contacts.erasure import NotWhole, confirm_erasure, request_erasure
from crm_contacts.identification import add_identifier, remove_identifier, verify_identifier
from crm_contacts.interaction import INTERACTIONS, record
from crm_contacts.merging import merge, reverse
from crm_contacts.profile import add_note, assign_owner, change_details, record_need, register, set_preferences
from crm_contacts.relationship import RELATIONSHIPS, link, unlink
from crm_contacts.streams import CONTACTS
from crm_events.deciding import At, Fact
from crm_events.identifiers import recognise
from crm_events.language.consent import ConsentDenied, ConsentExpired, ConsentGranted, PreferenceChannelSet, PreferenceFrequencyCapSet, PreferenceTimeWindowSet
from crm_events.language.contacts import (
    ContactAbsorbed,
    ContactDetailsChanged,
    ContactIdentifierAdded,
    ContactIdentifierRemoved,
    ContactIdentifierVerified,
    ContactMerged,
    ContactRegistered,
    ContactReleased,
    ContactTypeSet,
    ContactUnmerged,
    InteractionRecorded,
    NeedRecorded,
    NoteAdded,
    OwnerAssigned,
    PrivacyErased,
    PrivacyErasureRequested,
    RelationshipLinked,
    RelationshipUnlinked,
)
from crm_events.refusals import AlreadyExists, Gone, Invalid, NotFound
from crm_events.testing import NOON, given

ME, OTHER, POINT, MERGE, REQUEST = (UUID(int=number) for number in range(1, 6))
MAIL = recognise("email", "Zahra@example.org")
REGISTERED = ContactRegistered(kind="person", contact_type="external_potential", roles=(), name="Zahra", language="fa")
ADDED = ContactIdentifierAdded(identifier_id=POINT, kind="email", value="Zahra@example.org", normalised="zahra@example.org")
ERASING = PrivacyErasureRequested(request_id=REQUEST)
HOUR = timedelta(hours=1)


def granted(channel: str = "sms", since: datetime = NOON, **more: Any) -> ConsentGranted:
    return ConsentGranted(purpose="marketing", channel=channel, text_version="1", effective_from=since, **more)


def word(channel: str = "sms", status: str = "granted", **more: Any) -> Word:
    return Word("marketing", channel, status, "1", **more)


def test_registration_tells_only_what_was_told() -> None:
    told = {"contact_id": ME, "kind": "organisation", "type": "internal", "roles": ["consumer", "buyer", "buyer"]}
    given(CONTACTS).when(register, **told).then(ContactRegistered(kind="organisation", contact_type="internal", roles=("buyer", "consumer")))
    assert ContactRegistered(kind="organisation", contact_type="internal", roles=()).payload() == b'{"kind":"organisation","type":"internal","roles":[]}'


def test_registration_takes_two_spellings_of_one_identifier_once() -> None:
    again = recognise("email", "ZAHRA@EXAMPLE.ORG")
    told = {"contact_id": ME, "kind": "person", "type": "external_potential", "identifiers": [(POINT, MAIL), (OTHER, again)]}
    given(CONTACTS).when(register, **told).then(ContactRegistered(kind="person", contact_type="external_potential", roles=()), ADDED)


def test_an_id_is_registered_once_and_an_erased_one_never_again() -> None:
    told = {"contact_id": ME, "kind": "person", "type": "external_potential"}
    given(CONTACTS, REGISTERED).when(register, **told).refused(AlreadyExists)
    given(CONTACTS, REGISTERED, ERASING, PrivacyErased(request_id=REQUEST, key_ids=())).when(register, **told).refused(Gone)


def test_only_what_differs_is_news() -> None:
    details = {"name": "Zahra", "language": None, "address": "Tehran"}
    given(CONTACTS, REGISTERED).when(change_details, details=details).then(ContactDetailsChanged(language=None, address="Tehran"))
    given(CONTACTS, REGISTERED).when(change_details, details={"name": "Zahra"}, type="external_potential", roles=[]).then()


def test_a_change_of_roles_tells_the_type_too() -> None:
    expected = ContactTypeSet(contact_type="external_potential", previous_type="external_potential", roles=("buyer",))
    given(CONTACTS, REGISTERED).when(change_details, details={}, roles=["buyer"]).then(expected)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (change_details, {"details": {"name": "x"}}),
        (add_note, {"note_id": OTHER, "text": "x"}),
        (assign_owner, {"agent_id": "a"}),
        (record_need, {"need_id": OTHER, "need": "tea"}),
        (set_preferences, {"told": {"channel": "sms"}}),
        (set_consent, {"word": word(), "said_at": NOON, "told": False}),
    ],
)
def test_who_is_unknown_or_erased_cannot_be_spoken_of(rule: Any, told: dict[str, Any]) -> None:
    given(CONTACTS).when(rule, **told).refused(NotFound)
    given(CONTACTS, REGISTERED, ERASING).when(rule, **told).refused(Gone)


def test_a_late_word_does_not_overwrite_a_newer_one() -> None:
    late = At(ContactDetailsChanged(name="Old", address="Shiraz"), NOON - HOUR)
    state = given(CONTACTS, REGISTERED, late, At(OwnerAssigned(agent_id="b"), NOON + HOUR), At(OwnerAssigned(agent_id="a"), NOON)).state
    assert (state.name, state.address, state.owner_id) == ("Zahra", "Shiraz", "b")


def test_an_owner_is_handed_over_by_name() -> None:
    before = OwnerAssigned(agent_id="a", previous_agent_id=None)
    given(CONTACTS, REGISTERED, before).when(assign_owner, agent_id=None).then(OwnerAssigned(agent_id=None, previous_agent_id="a"))
    given(CONTACTS, REGISTERED, before).when(assign_owner, agent_id="a").then()


def test_notes_and_needs_are_always_news() -> None:
    given(CONTACTS, REGISTERED).when(add_note, note_id=OTHER, text="x").then(NoteAdded(note_id=OTHER, text="x"))
    given(CONTACTS, REGISTERED).when(record_need, need_id=OTHER, need="tea", weight=3).then(NeedRecorded(need_id=OTHER, need="tea", weight=3))


def test_preferences_are_set_one_by_one_and_cleared_by_null() -> None:
    window = Window(("mon",), "09:00", "17:00", "Asia/Tehran")
    told = {"channel": "sms", "time_windows": [window], "frequency_cap": (2, 7)}
    done = given(CONTACTS, REGISTERED).when(set_preferences, told=told)
    assert [type(event) for event in done.events] == [PreferenceChannelSet, PreferenceTimeWindowSet, PreferenceFrequencyCapSet]
    known = given(CONTACTS, REGISTERED, *done.events)
    known.when(set_preferences, told=told).then()
    known.when(set_preferences, told={"frequency_cap": None, "time_windows": None}).then(
        PreferenceTimeWindowSet(time_windows=()), PreferenceFrequencyCapSet(count=None, per_days=None)
    )


def test_another_spelling_of_an_identifier_is_nothing_new() -> None:
    given(CONTACTS, REGISTERED, ADDED).when(add_identifier, identifier_id=OTHER, item=recognise("email", "zahra@EXAMPLE.org")).then()
    shop = recognise("external", "7", "shop")
    expected = ContactIdentifierAdded(identifier_id=OTHER, kind="external", system="shop", value="7", normalised="7")
    given(CONTACTS, REGISTERED, ADDED).when(add_identifier, identifier_id=OTHER, item=shop).then(expected)
    given(CONTACTS, REGISTERED, expected).when(add_identifier, identifier_id=POINT, item=recognise("external", "7", "SHOP")).then()


def test_a_contact_has_at_most_a_hundred_identifiers() -> None:
    many = [ContactIdentifierAdded(identifier_id=uuid5(ME, str(n)), kind="device", value=f"d{n}", normalised=f"d{n}") for n in range(MOST_IDENTIFIERS)]
    given(CONTACTS, REGISTERED, *many).when(add_identifier, identifier_id=POINT, item=MAIL).rejected("too-many-identifiers")
    given(CONTACTS, REGISTERED, *many[1:]).when(add_identifier, identifier_id=POINT, item=MAIL).then(ADDED)


def test_an_identifier_is_verified_once_and_removed_once() -> None:
    verified = ContactIdentifierVerified(identifier_id=POINT, kind="email", method="link")
    removed = ContactIdentifierRemoved(identifier_id=POINT, kind="email")
    given(CONTACTS, REGISTERED, ADDED).when(verify_identifier, identifier_id=POINT, method="link").then(verified)
    given(CONTACTS, REGISTERED, ADDED, verified).when(verify_identifier, identifier_id=POINT).then()
    given(CONTACTS, REGISTERED).when(verify_identifier, identifier_id=POINT).refused(NotFound)
    given(CONTACTS, REGISTERED, ADDED).when(remove_identifier, identifier_id=POINT).then(removed)
    given(CONTACTS, REGISTERED, ADDED, removed).when(remove_identifier, identifier_id=POINT).then()


def test_a_consent_said_again_is_nothing_new_until_something_lies_between() -> None:
    given(CONTACTS, REGISTERED, granted()).when(set_consent, word=word(), said_at=NOON + HOUR, told=False).then()
    denied = At(ConsentDenied(purpose="marketing", channel="any", text_version="1", effective_from=NOON), NOON + HOUR)
    again = granted(since=NOON + 2 * HOUR)
    given(CONTACTS, REGISTERED, granted(), denied).when(set_consent, word=word(), said_at=NOON + 2 * HOUR, told=False).then(again)
    other = ConsentDenied(purpose="marketing", channel="email", text_version="1", effective_from=NOON)
    given(CONTACTS, REGISTERED, granted(), other).when(set_consent, word=word(), said_at=NOON + 2 * HOUR, told=False).then()


def test_a_withdrawal_is_news_again_after_a_narrower_grant() -> None:
    denied = ConsentDenied(purpose="marketing", channel="any", text_version="1", effective_from=NOON)
    withdrawn = word("any", "denied")
    given(CONTACTS, REGISTERED, denied).when(set_consent, word=withdrawn, said_at=NOON + HOUR, told=False).then()
    given(CONTACTS, REGISTERED, denied, At(granted(), NOON + HOUR)).when(set_consent, word=withdrawn, said_at=NOON + 2 * HOUR, told=False).then(
        ConsentDenied(purpose="marketing", channel="any", text_version="1", effective_from=NOON + 2 * HOUR)
    )


def test_a_consent_told_of_another_moment_text_or_end_is_another_word() -> None:
    known = given(CONTACTS, REGISTERED, granted())
    assert known.when(set_consent, word=word(), said_at=NOON + HOUR, told=True).events == [granted(since=NOON + HOUR)]
    known.when(set_consent, word=word(), said_at=NOON, told=True).then()
    assert known.when(set_consent, word=word(effective_to=NOON + 9 * HOUR), said_at=NOON + HOUR, told=False).events
    assert known.when(set_consent, word=word(evidence="paper"), said_at=NOON + HOUR, told=False).events


def test_within_a_merged_customer_every_word_is_news() -> None:
    merged = ContactMerged(merge_id=MERGE, survivor_id=OTHER, cause="manual", evidence=())
    assert given(CONTACTS, REGISTERED, granted(), merged).when(set_consent, word=word(), said_at=NOON + HOUR, told=False).events


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        (word(identifier_id=OTHER), "/identifier_id"),
        (word(identifier_id=POINT), "/identifier_id"),
        (word(status="withdrawn", effective_to=NOON), "/effective_to"),
        (word(effective_from=NOON, effective_to=NOON), "/effective_to"),
    ],
)
def test_a_consent_that_cannot_be_is_refused(said: Word, pointer: str) -> None:
    refusal = given(CONTACTS, REGISTERED, ADDED).when(set_consent, word=said, said_at=NOON, told=False).refusal
    assert isinstance(refusal, Invalid)
    assert refusal.pointer == pointer


def test_a_grant_ends_by_itself_at_its_end() -> None:
    known = given(CONTACTS, REGISTERED, granted(effective_to=NOON + HOUR))
    ended = At(ConsentExpired(purpose="marketing", channel="sms", identifier_id=None), NOON + HOUR)
    assert CONTACTS.due(known.state) == NOON + HOUR
    assert list(CONTACTS.advance(known.state, NOON + HOUR)) == [ended]
    assert list(CONTACTS.advance(known.state, NOON + HOUR / 2)) == []
    over = given(CONTACTS, REGISTERED, granted(effective_to=NOON + HOUR), ended)
    assert CONTACTS.due(over.state) is None
    assert list(CONTACTS.advance(over.state, NOON + 9 * HOUR)) == []


def test_a_withdrawn_grant_does_not_end_again() -> None:
    state = given(
        CONTACTS, REGISTERED, granted(effective_to=NOON + HOUR), ConsentDenied(purpose="marketing", channel="sms", text_version="1", effective_from=NOON)
    ).state
    assert CONTACTS.due(state) is None


def test_what_was_said_of_a_contact_point_ends_with_it() -> None:
    state = given(CONTACTS, REGISTERED, ADDED, granted("email", identifier_id=POINT), ContactIdentifierRemoved(identifier_id=POINT, kind="email")).state
    assert state.consents == ()


def person(*history: Any) -> Contact:
    state: Contact = given(CONTACTS, REGISTERED, *history).state
    return state


IDS = {"absorbed_id": ME, "survivor_id": OTHER, "merge_id": MERGE}
MERGED = ContactMerged(merge_id=MERGE, survivor_id=OTHER, cause="manual", evidence=())
ABSORBED = ContactAbsorbed(merge_id=MERGE, absorbed_id=ME)


def test_a_merge_and_its_reversal_leave_both_as_they_were() -> None:
    ours, theirs = merge(person(), person(), **IDS, survivors_root=OTHER)
    assert (ours, theirs) == ([MERGED], [ABSORBED])
    back = reverse(person(MERGED), person(ABSORBED), merge_id=MERGE, absorbed_id=ME, survivor_id=OTHER)
    assert back == ([ContactUnmerged(merge_id=MERGE, survivor_id=OTHER)], [ContactReleased(merge_id=MERGE, absorbed_id=ME)])
    parted = person(MERGED, *back[0])
    assert parted.parted == (Parted(OTHER, None, None),), "rules must not join them again: nothing else of it is left"
    assert (replace(parted, parted=()), person(ABSORBED, *back[1])) == (person(), person())
    assert reverse(person(), person(), merge_id=MERGE, absorbed_id=ME, survivor_id=OTHER) == ([], [])


def test_an_old_reversal_does_not_end_a_new_merge() -> None:
    again = ContactMerged(merge_id=REQUEST, survivor_id=OTHER, cause="manual", evidence=())
    assert reverse(person(again), person(), merge_id=MERGE, absorbed_id=ME, survivor_id=OTHER) == ([], [])


@pytest.mark.parametrize(
    ("absorbed", "survivor", "root", "rule"),
    [
        (person(MERGED), person(), OTHER, "already-merged"),
        (person(), person(MERGED), UUID(int=77), "already-merged"),
        (person(), person(MERGED), ME, "merge-cycle"),
    ],
)
def test_only_roots_are_merged_and_never_in_a_circle(absorbed: Contact, survivor: Contact, root: UUID, rule: str) -> None:
    given(CONTACTS).when(lambda _: merge(absorbed, survivor, **IDS, survivors_root=root)).rejected(rule)


def test_a_survivor_absorbs_at_most_five_hundred() -> None:
    full = person(*(ContactAbsorbed(merge_id=uuid5(ME, str(n)), absorbed_id=uuid5(OTHER, str(n))) for n in range(MOST_ABSORBED)))
    given(CONTACTS).when(lambda _: merge(person(), full, **IDS, survivors_root=OTHER)).rejected("merge-limit")


def test_nobody_is_merged_with_himself_an_unknown_or_an_erased_one() -> None:
    same = {"absorbed_id": ME, "survivor_id": ME, "merge_id": MERGE, "survivors_root": ME}
    given(CONTACTS).when(lambda _: merge(person(), person(), **same)).refused(Invalid)
    given(CONTACTS).when(lambda _: merge(Contact(), person(), **IDS, survivors_root=OTHER)).refused(NotFound)
    given(CONTACTS).when(lambda _: merge(person(), person(ERASING), **IDS, survivors_root=OTHER)).refused(Gone)
    given(CONTACTS).when(lambda _: reverse(person(MERGED, ERASING), person(ABSORBED, ERASING), merge_id=MERGE, absorbed_id=ME, survivor_id=OTHER)).refused(Gone)


def test_erasure_is_asked_once_of_each_member_and_confirmed_once() -> None:
    members = {ME: person(MERGED), OTHER: person(ABSORBED, ERASING), POINT: Contact()}
    assert request_erasure(members, request_id=MERGE) == [[PrivacyErasureRequested(request_id=MERGE)], [], []]
    erased = PrivacyErased(request_id=REQUEST, key_ids=(POINT,))
    assert confirm_erasure(person(ERASING), request_id=REQUEST, key_ids=[POINT]) == [erased]
    assert confirm_erasure(person(ERASING, erased), request_id=REQUEST, key_ids=[POINT]) == []


@pytest.mark.parametrize("member", [person(MERGED), person(ABSORBED)])
def test_nobody_is_erased_without_those_he_is_one_with(member: Contact) -> None:
    with pytest.raises(NotWhole):
        request_erasure({POINT: member}, request_id=REQUEST)


def test_an_erased_contact_keeps_nothing_personal_in_its_row() -> None:
    state = person(ADDED, granted(evidence="x"), ContactDetailsChanged(address="Tehran"), ERASING, PrivacyErased(request_id=REQUEST, key_ids=()))
    assert (state.name, state.address, state.identifiers, state.consents) == (None, None, (), ())
    assert state.erasure == REQUEST
    assert state.erased


def test_a_fold_is_total_over_any_part_of_a_history() -> None:
    history = [
        REGISTERED,
        ADDED,
        granted(),
        ConsentExpired(purpose="marketing", channel="sms"),
        ContactUnmerged(merge_id=MERGE, survivor_id=OTHER),
        MERGED,
        ABSORBED,
        ERASING,
    ]
    for skipped in range(len(history)):
        state = Contact()
        for number, event in enumerate(history):
            if number != skipped:
                state = evolve(state, Fact(event, uuid5(ME, str(number)), datetime(2026, 1, 1, tzinfo=UTC)))


def test_an_interaction_is_recorded_once() -> None:
    event = InteractionRecorded(interaction_id=POINT, channel="phone", direction="inbound", duration_seconds=3)
    given(INTERACTIONS).when(record, event).then(event)
    given(INTERACTIONS, event).when(record, event).refused(AlreadyExists)


def test_two_are_linked_until_they_are_unlinked() -> None:
    told = {"relationship_id": POINT, "customer_id": ME, "kind": "household", "other_id": OTHER}
    linked, unlinked = RelationshipLinked(kind="household", other_id=OTHER), RelationshipUnlinked(kind="household", other_id=OTHER)
    given(RELATIONSHIPS).when(link, **told).then(linked)
    given(RELATIONSHIPS).when(link, **told | {"other_id": ME}).refused(Invalid)
    given(RELATIONSHIPS, linked).when(link, **told).refused(AlreadyExists)
    given(RELATIONSHIPS, linked).when(unlink).then(unlinked)
    given(RELATIONSHIPS, linked, unlinked).when(unlink).then()

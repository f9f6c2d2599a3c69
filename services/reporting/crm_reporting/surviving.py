"""Of what was told of several ids that became one customer, which value is shown in each field? The others are shown beside it, so that nothing is lost.

A field's rule is explicit. `latest`: told last, by the time it happened. `earliest`: told first. `verified`: told of an id with a verified identifier,
and among those, or without any, the latest. Within one id the latest has replaced what it was before: that is history, and no other value.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Register: TypeAlias = list[Any]  # [occurred_at, position, value]
Choice: TypeAlias = Callable[[Mapping[str, Register], set[str]], str]


def _latest(told: Mapping[str, Register], _: set[str]) -> str:
    return max(told, key=lambda member: (told[member][0], told[member][1], member))


def _earliest(told: Mapping[str, Register], _: set[str]) -> str:
    return min(told, key=lambda member: (told[member][0], told[member][1], member))


def _verified(told: Mapping[str, Register], verified: set[str]) -> str:
    trusted = {member: register for member, register in told.items() if member in verified and register[2] is not None}
    return _latest(trusted or told, verified)


SURVIVORSHIP: Mapping[str, Choice] = {
    "kind": _latest,
    "type": _latest,
    "roles": _latest,
    "name": _latest,  # people correct it, and change it
    "address": _latest,
    "birthday": _verified,  # it never changes, so the better witness counts, not the later one
    "organisation_name": _latest,
    "language": _latest,
    "time_zone": _latest,
    "source": _earliest,  # where the customer was first heard of
    "owner_id": _latest,
    "lifecycle_stage": _latest,
}


def surviving(registers: Mapping[str, Mapping[str, Register]], verified: set[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The value of each field; and the losing ones, by field and id. `verified`: the ids that have a verified identifier.

    Two seals of one text differ: of personal fields a losing value may read like the one shown.
    """
    shown, others = dict[str, Any](), list[dict[str, Any]]()
    for field, rule in SURVIVORSHIP.items():
        told = registers.get(field, {})
        if not told:
            continue
        winner = rule(told, verified)
        shown[field] = told[winner][2]
        for member in sorted(told):
            at, _, value = told[member]
            if member != winner and value not in (None, [], shown[field]):
                others.append({"field": field, "value": value, "member_id": member, "since": at})
    return shown, others

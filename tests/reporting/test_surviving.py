"""Of several values of one field, is the right one shown, and each of the others beside it?"""

from typing import Any

import pytest
from crm_reporting.documents_contacts import PROFILE
from crm_reporting.surviving import SURVIVORSHIP, surviving

ANN, BOB, CAM = "a", "b", "c"


def told(**by_member: tuple[int, Any]) -> dict[str, list[Any]]:
    return {member: [f"2026-01-{day:02}", day, value] for member, (day, value) in by_member.items()}


TABLE: list[tuple[str, str, dict[str, list[Any]], set[str], Any, list[str]]] = [
    ("told last", "name", told(a=(3, "ن"), b=(2, "م")), {BOB}, "ن", [BOB]),
    ("alike is no other value", "language", told(a=(3, "fa"), b=(2, "fa"), c=(1, "en")), set(), "fa", [CAM]),
    ("cleared last, and the other is not lost", "language", told(a=(3, None), b=(2, "en")), set(), None, [BOB]),
    ("nothing told is no other value", "roles", told(a=(3, ["buyer"]), b=(2, [])), set(), ["buyer"], []),
    ("a birthday by the better witness", "birthday", told(a=(3, "1991-03-21"), b=(2, "1990-03-21")), {BOB}, "1990-03-21", [ANN]),
    ("a witness who says nothing is none", "birthday", told(a=(3, "1991-03-21"), b=(2, None)), {BOB}, "1991-03-21", []),
    ("no witness: told last", "birthday", told(a=(3, "1991-03-21"), b=(2, "1990-03-21")), set(), "1991-03-21", [BOB]),
    ("of two witnesses the later", "birthday", told(a=(3, "1991-03-21"), b=(2, "1990-03-21"), c=(4, "1992-03-21")), {ANN, BOB}, "1991-03-21", [BOB, CAM]),
    ("where they were first heard of", "source", told(a=(3, {"system": "web"}), b=(2, {"system": "shop"})), set(), {"system": "shop"}, [ANN]),
]


@pytest.mark.parametrize(("field", "values", "verified", "shown", "losing"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_field_goes_by_its_rule(field: str, values: dict[str, list[Any]], verified: set[str], shown: Any, losing: list[str]) -> None:
    chosen, others = surviving({field: values}, verified)
    assert chosen == {field: shown}
    assert [(other["field"], other["member_id"], other["value"], other["since"]) for other in others] == [
        (field, member, values[member][2], values[member][0]) for member in losing
    ]


def test_every_field_of_the_profile_has_a_rule() -> None:
    assert {*SURVIVORSHIP} == {*PROFILE, "owner_id", "lifecycle_stage"}

"""In which order is the made-up company told? What others refer to comes first; the merge of its first customer comes last, and so says that all is there."""

from collections.abc import Iterator, Mapping
from typing import Any

from crm_importers.command import Command
from crm_importers.company import contacts, loyalty, tickets, ties
from crm_importers.company.person import Company, is_doubled, person
from crm_importers.importing import Phase, phase

KEPT = frozenset({"reserveRedemption"})


def phases(company: Company, answers: Mapping[str, Mapping[str, Any]]) -> Iterator[Phase]:
    """`answers`: where the answers to operations of KEPT are found by key, once they are there."""
    people = [person(company, index) for index in range(company.customers)]
    members = [who for who in people if loyalty.is_member(company, who)]
    doubled = [who for who in people if is_doubled(company, who)]
    yield phase("rules", [tickets.calendar(company), loyalty.programme(company)])
    yield phase("promises", list(tickets.policies(company)))
    known = [command for who in people for command in contacts.contact(company, who)]
    yield phase("customers", known + [command for who in doubled for command in ties.duplicate(company, who)])
    served = [command for who in people for command in tickets.tickets(company, who)]
    sold = [command for who in members for command in loyalty.purchases(company, who)]
    yield phase("their lives", _side_by_side(served, sold))
    reserving = [(who, command) for who in members if (command := loyalty.reservation(company, who))]
    yield phase("redemptions", [command for _, command in reserving])
    yield phase("redeemed", [loyalty.confirmation(company, who, answers[command.key]) for who, command in reserving if command.key in answers])
    related = [command for who in people if (command := ties.relationship(company, who))]
    yield phase("relations", related + [ties.merge(company, who) for who in doubled[1:]])
    yield phase("done", [ties.merge(company, people[0])])


def _side_by_side(one: list[Command], other: list[Command]) -> list[Command]:
    """Both in their own order, evenly mixed, so that two services work at once."""
    placed = [(place / len(each), number, place, command) for number, each in enumerate((one, other)) for place, command in enumerate(each)]
    return [command for *_, command in sorted(placed, key=lambda item: item[:3])]

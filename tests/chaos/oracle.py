"""What must be there, if nothing acknowledged is lost, doubled or made up? The pure fold of a history; it knows nothing of the system but its answers.

An operation is seen by its mark in the customer's timeline. Acknowledged: exactly once. Refused: never. Unknown: once or not at all, and then the figures
count it too: which of the two is decided by what was found.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chaos.history import History, Outcome

Mark = tuple[str, str]


@dataclass(frozen=True)
class Cluster:
    """Customers that are one: the survivor's id, all ids, and every operation about any of them."""

    root: str
    members: frozenset[str]
    outcomes: tuple[Outcome, ...]

    def marks(self, *statuses: str) -> set[Mark]:
        """What operations that ended so have left in the timeline."""
        return {each.op.mark for each in self.outcomes if each.op.mark and each.status in statuses}

    def done(self, found: Mapping[Mark, int]) -> list[Outcome]:
        """The operations that took effect: all acknowledged ones, and those unknown ones that were found."""
        return [each for each in self.outcomes if each.status == "ok" or (each.status == "unknown" and each.op.mark and found.get(each.op.mark))]


@dataclass
class Figures:
    """What the view of one customer must say."""

    interactions: int = 0
    purchases: int = 0
    spend: int = 0
    open: set[str] = field(default_factory=set)
    resolved: int = 0
    points: dict[str, int] = field(default_factory=lambda: {"available": 0, "reserved": 0, "redeemed": 0})
    consents: set[str] = field(default_factory=set)  # the marketing consents that may be the one in force: one, unless some are unknown


def expected(history: History) -> list[Cluster]:
    """The customers of a history, merged as its acknowledged merges left them."""
    root: dict[str, str] = {}
    for each in history.outcomes.values():
        root.setdefault(each.op.customer, each.op.customer)
        if each.status == "ok" and each.op.kind == "merge":
            root[each.op.customer] = each.op.told["survivor"]
        elif each.status == "ok" and each.op.kind == "unmerge":
            root[each.op.customer] = each.op.customer
    members: dict[str, set[str]] = {}
    for customer, its_root in root.items():
        members.setdefault(its_root, set()).add(customer)
    outcomes: dict[str, list[Outcome]] = {}
    for each in history.outcomes.values():
        outcomes.setdefault(root[each.op.customer], []).append(each)
    return [Cluster(each, frozenset(members[each]), tuple(outcomes[each])) for each in members]


def amiss(cluster: Cluster, found: Counter[Mark]) -> Iterable[tuple[str, str]]:
    """(invariant, detail) of everything a timeline shows too often, too rarely, or against its acknowledgement."""
    for mark in sorted(cluster.marks("ok")):
        if found[mark] != 1:
            yield ("I1", f"{cluster.root}: {mark} was acknowledged and is there {found[mark]} times")
    for mark in sorted(cluster.marks("unknown", "invoke")):
        if found[mark] > 1:
            yield ("I13", f"{cluster.root}: {mark} was never acknowledged and is there {found[mark]} times")
    for mark in sorted(cluster.marks("fail")):
        if found[mark]:
            yield ("I1", f"{cluster.root}: {mark} was refused and is there {found[mark]} times")
    known, kinds = cluster.marks("ok", "unknown", "invoke", "fail"), {"interaction.recorded", "note.added", "ticket.message_added", "transaction.recorded"}
    for mark in sorted(found.keys() - known):
        if mark[0] in kinds:
            yield ("I1", f"{cluster.root}: nobody asked for {mark}")


def figures(cluster: Cluster, found: Mapping[Mark, int]) -> Figures:
    """The fold over what took effect, in the order it was asked for."""
    told = Figures()
    reserved: dict[str, int] = {}
    for each in cluster.done(found):
        op = each.op
        match op.kind:
            case "interact":
                told.interactions += 1
            case "buy":
                told.purchases, told.spend = told.purchases + 1, told.spend + op.told["paid"]
                told.points["available"] += op.told["points"]
            case "reserve":
                reserved[str(each.answer.get("id"))] = op.told["points"]
                told.points["available"] -= op.told["points"]
                told.points["reserved"] += op.told["points"]
            case "confirm":
                told.points["reserved"] -= reserved[op.told["redemption"]]
                told.points["redeemed"] += reserved[op.told["redemption"]]
            case "open":
                told.open.add(op.told["ticket"])
            case "resolve":
                told.open.discard(op.told["ticket"])
                told.resolved += 1
            case "consent":
                told.consents = {op.mark[1]} if each.status == "ok" and op.mark else told.consents | {op.mark[1] if op.mark else ""}
            case _:
                pass
    return told

"""When are two contacts one, and how is that taken back?

Merges are a forest: each contact has at most one survivor above it, and whoever is absorbed is a root. Both streams move, so of two merges that would make
a circle the second finds a version gone, and is decided anew. Nothing is moved between the two: taking a merge back is exact.
"""

from collections.abc import Sequence
from uuid import UUID

from crm_events.language.contacts import ContactAbsorbed, ContactEvent, ContactMerged, ContactReleased, ContactUnmerged
from crm_events.refusals import Invalid, Rejected

from crm_contacts.contact import MOST_ABSORBED, Contact
from crm_contacts.profile import standing


def merge(
    absorbed: Contact,
    survivor: Contact,
    *,
    absorbed_id: UUID,
    survivor_id: UUID,
    merge_id: UUID,
    survivors_root: UUID,
    reason: str | None = None,
    evidence: Sequence[UUID] = (),
    rule: str | None = None,
    rule_version: str | None = None,
) -> tuple[list[ContactEvent], list[ContactEvent]]:
    """The absorbed one's events and the survivor's. `survivors_root`: where the survivor's own merges lead, to tell a circle from a wrong pair.

    Raises Invalid for a contact merged with itself, Rejected `already-merged` (with `canonical_id`) or `merge-cycle`.
    """
    if survivor_id == absorbed_id:
        raise Invalid("/absorbed_id", "same", "A contact cannot be merged with itself; name two contacts.")
    standing(survivor), standing(absorbed)
    if survivor.merged and absorbed_id in (survivors_root, survivor.merged.other_id):
        raise Rejected("merge-cycle", "The survivor is part of the absorbed contact. Reverse that merge first.", merge_id=str(survivor.merged.merge_id))
    if absorbed.merged:
        raise Rejected("already-merged", "The absorbed contact is part of another. Reverse that first, or merge the other.", **_into(absorbed.merged.other_id))
    if survivor.merged:
        raise Rejected("already-merged", "The survivor is part of another contact. Name that one as the survivor.", **_into(survivors_root))
    if len(survivor.absorbed) >= MOST_ABSORBED:
        raise Rejected("merge-limit", "The survivor has absorbed as many contacts as one may; look whether they are one customer.", limit=MOST_ABSORBED)
    merged = ContactMerged(
        merge_id=merge_id, survivor_id=survivor_id, cause="rule" if rule else "manual", rule=rule, rule_version=rule_version, evidence=tuple(evidence),
        reason=reason,
    )  # fmt: skip
    return [merged], [ContactAbsorbed(merge_id=merge_id, absorbed_id=absorbed_id)]


def reverse(
    absorbed: Contact, survivor: Contact, *, merge_id: UUID, absorbed_id: UUID, survivor_id: UUID, reason: str | None = None
) -> tuple[list[ContactEvent], list[ContactEvent]]:
    """The absorbed one's events and the survivor's; a merge taken back already is nothing new."""
    standing(absorbed), standing(survivor)
    if absorbed.merged is None or absorbed.merged.merge_id != merge_id:
        return [], []
    return [ContactUnmerged(merge_id=merge_id, survivor_id=survivor_id, reason=reason)], [ContactReleased(merge_id=merge_id, absorbed_id=absorbed_id)]


def _into(canonical_id: UUID) -> dict[str, str]:
    return {"canonical_id": str(canonical_id)}

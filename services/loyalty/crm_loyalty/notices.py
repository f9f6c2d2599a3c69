"""Of which end is a member told before it comes? Once for each lot and each time a tier is held, and of none that was spent, or earned again, meanwhile.

A reminder's moment is `days` before the end. `latest_days` before the end it is of no use any more: what becomes known only then is told as missed.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from crm_events.language.loyalty import TierDowngraded
from crm_events.language.notices import NoticeEvent, NoticeMissed, NoticePointsExpiring, NoticeTierEnding
from crm_events.language.programme import Notices, Reminder

from crm_loyalty import tiers
from crm_loyalty.ledger import Ledger, Lot, moved
from crm_loyalty.tiers import Standing

_NOBODY = UUID(int=0)
_ANY = "any"  # programme: asked what would be judged, not told


def moments(ledger: Ledger, standing: Standing) -> Iterator[datetime]:
    """When the member is to be told of something next: of each lot, and of the tier."""
    terms = _terms(standing)
    if terms.points_expiring:
        yield from (moment for lot in ledger.lots if (moment := _of_lot(lot, terms.points_expiring)) is not None)
    if terms.tier_ending and (moment := _of_tier(standing, terms.tier_ending)) is not None:
        yield moment


def told(ledger: Ledger, standing: Standing, head: dict[str, Any], *, moment: datetime, now: datetime) -> list[NoticeEvent]:
    """The notice that is due at `moment`, of one end; missed where `now` is too late."""
    terms = _terms(standing)
    if asked := terms.points_expiring:
        due = [lot for lot in ledger.lots if (at := _of_lot(lot, asked)) is not None and at <= moment]
        ends_at = min((lot.expires_at for lot in due if lot.expires_at), default=None)
        if ends_at is not None:
            return [_points(head, [lot for lot in due if lot.expires_at == ends_at], asked, ends_at, now)]
    if (asked := terms.tier_ending) and (at := _of_tier(standing, asked)) is not None and at <= moment:
        return [_tier(head, standing, asked, now)]
    return []


def noted(ledger: Ledger, standing: Standing, event: NoticeEvent) -> tuple[Ledger, Standing]:
    """What was told, or missed, is not told again."""
    if event.kind == "tier_ending":
        return ledger, replace(standing, held=replace(standing.held, noticed=True)) if standing.held else standing
    named = {lot.lot_id for lot in event.lots or ()}
    lots, closed = (tuple(replace(lot, noticed=True) if lot.lot_id in named else lot for lot in page) for page in (ledger.lots, ledger.closed))
    return replace(ledger, lots=lots, closed=closed), standing


def _terms(standing: Standing) -> Notices:
    return (standing.terms.notices if standing.terms else None) or Notices()


def _of_lot(lot: Lot, asked: Reminder) -> datetime | None:
    """Held and blocked points are not told of: they cannot be spent. Of a lot that lives shorter than `latest_days` nothing can be told."""
    if lot.noticed or lot.expires_at is None or not lot.available + lot.pending or _latest(lot.expires_at, asked) <= lot.earned_at:
        return None
    return max(lot.expires_at - timedelta(days=asked.days), lot.earned_at)


def _of_tier(standing: Standing, asked: Reminder) -> datetime | None:
    """None while the points say that the tier will be kept."""
    held = standing.held
    if held is None or held.until is None or held.noticed or _latest(held.until, asked) <= held.since:
        return None
    return max(held.until - timedelta(days=asked.days), held.since) if isinstance(tiers.judge(standing, _ANY), TierDowngraded) else None


def _latest(end: datetime, asked: Reminder) -> datetime:
    return end - timedelta(days=asked.latest_days)


def _points(head: dict[str, Any], due: list[Lot], asked: Reminder, ends_at: datetime, now: datetime) -> NoticeEvent:
    lots = tuple(moved(lot, points, account) for lot in due for account, points in (("available", lot.available), ("pending", lot.pending)) if points)  # type: ignore[arg-type]
    fields = _head(head, asked, ends_at) | {"points": sum(lot.points for lot in lots), "lots": lots, "kind": "points_expiring"}
    fields["notice_id"] = uuid5(due[0].lot_id, f"points_expiring:{ends_at.isoformat()}")
    return NoticePointsExpiring(**fields) if now < fields["due_at"] else NoticeMissed(**fields)


def _tier(head: dict[str, Any], standing: Standing, asked: Reminder, now: datetime) -> NoticeEvent:
    held = standing.held
    if held is None or held.until is None:
        raise AssertionError("only a tier that ends is told of")
    fields = _head(head, asked, held.until) | {"tier": held.name, "kind": "tier_ending"}
    fields["notice_id"] = uuid5(standing.enrolment or _NOBODY, f"tier_ending:{held.name}:{held.until.isoformat()}")
    return NoticeTierEnding(**fields) if now < fields["due_at"] else NoticeMissed(**fields)


def _head(head: dict[str, Any], asked: Reminder, ends_at: datetime) -> dict[str, Any]:
    return head | {"channel": asked.channel, "due_at": _latest(ends_at, asked), "ends_at": ends_at}

"""Of what is a member told before it ends, and of what was nobody told in time?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Instant
from crm_events.language.lots import Lot, OfProgramme
from crm_events.language.words import Channel, Maybe, Points

NoticeKind: TypeAlias = Literal["points_expiring", "tier_ending"]


class Notice(OfProgramme):
    """`ends_at`: when the points or the tier end; `due_at`: the latest moment at which being told is of use."""

    notice_id: UUID
    kind: NoticeKind
    channel: Channel
    due_at: Instant
    ends_at: Instant
    points: Maybe[Points] = None
    lots: Maybe[tuple[Lot, ...]] = None
    tier: Maybe[Code] = None


class NoticePointsExpiring(Notice):
    """These points will expire if they are not spent: tell the customer, by `channel`. Each lot is told of once."""

    type = "notice.points_expiring"


class NoticeTierEnding(Notice):
    """The tier will be lost unless more is earned: tell the customer, by `channel`. Once for each time that it is held."""

    type = "notice.tier_ending"


class NoticeMissed(Notice):
    """It became known only when being told was of no use any more."""

    type = "notice.missed"


NoticeEvent: TypeAlias = NoticePointsExpiring | NoticeTierEnding | NoticeMissed

"""How much business time lies between two moments, by a calendar as its event told it?"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from crm_events import business_time
from crm_events.business_time import ALWAYS, Calendar, hours_of
from crm_events.language.sla import CalendarDefined


def business_seconds(calendar: Mapping[str, Any] | None, start: datetime, end: datetime) -> int:
    """Whole seconds of `calendar` (a `calendar.defined` payload; None = around the clock) in [start, end). Holidays and changes of the clock are respected."""
    return business_time.business_seconds(_hours(orjson.dumps(calendar)) if calendar else ALWAYS, start, end)


@lru_cache(maxsize=256)
def _hours(payload: bytes) -> Calendar:
    """One object a calendar, for it remembers the days it has worked out."""
    return hours_of(CalendarDefined.model_validate_json(payload))

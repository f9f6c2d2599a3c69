"""Is an answer as it is shown? Ids and moments that the service gives may be others, each always the same other; all else must be equal."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

STARTED = datetime(2026, 11, 21, 9, tzinfo=UTC)  # when the examples are shown to have been told; what the services' clock says is shown from here on
SLACK = timedelta(minutes=15)  # between telling and telling again, in relation to their starts
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
# What is only good for this one answer, or depends on what the clock says or on everybody else.
OPAQUE = {
    "request_id", "next", "etag", "ETag", "decision_id", "position", "consistency_token", "tenure_days", "days_since_last_contact", "elapsed_minutes",
    "lifecycle_stage", "rfm", "journalid", "traceparent", "correlationid", "dataschema",
}  # fmt: skip


@dataclass
class Likeness:
    """What is shown and what it is here, learnt from answer to answer. `started`: when this telling began."""

    started: datetime
    here: dict[str, str] = field(default_factory=dict)

    def asked(self, shown: Any) -> Any:
        """A part of a request as it must be sent here."""
        known = "|".join(re.escape(one) for one in sorted(self.here, key=len, reverse=True))
        text = json.dumps(shown)  # in one pass: what stands for one thing here may be shown for another
        return json.loads(re.sub(f"(?:{known})(?!\\d)", lambda found: self.here[found[0]], text) if known else text)

    def differences(self, shown: Any, told: Any, *, moment: bool = False, among: bool = False) -> list[str]:
        """Where the answer is not as shown: a JSON pointer and both. None if it is."""
        return list(self._differences(_read(shown), _read(told), "", moment=moment, among=among))

    def _differences(self, shown: Any, told: Any, at: str, *, moment: bool, among: bool) -> Iterator[str]:
        if isinstance(shown, dict) and isinstance(told, dict):
            for name in sorted({*shown, *told}):
                if name not in shown or name not in told:
                    yield f"{at}/{name}: {'not answered' if name in shown else 'not shown'}"
                elif among and name == "items":
                    yield from self._among(shown[name], told[name], f"{at}/{name}")
                elif moment:
                    yield from self._differences(shown[name], told[name], f"{at}/{name}", moment=True, among=False)
                elif name not in OPAQUE or not _alike(shown[name], told[name]):
                    yield from self._differences(shown[name], told[name], f"{at}/{name}", moment=False, among=among)
        elif isinstance(shown, list) and isinstance(told, list):
            if len(shown) != len(told) and not moment:
                yield f"{at}: {len(shown)} shown, {len(told)} answered"
            for number, (one, other) in enumerate(zip(shown, told, strict=False)):
                yield from self._differences(one, other, f"{at}/{number}", moment=moment, among=among)
        elif moment and isinstance(shown, str) and isinstance(told, str) and UUID.fullmatch(shown) and UUID.fullmatch(told):
            self._learn(shown, told)  # it may be asked about later
        elif not (_alike(shown, told) if moment else self._same(shown, told)):
            yield f"{at}: {shown!r} shown, {told!r} answered"

    def _among(self, shown: list[Any], told: list[Any], at: str) -> Iterator[str]:
        for one in shown:
            known = dict(self.here)
            for other in told:
                if not list(self._differences(one, other, at, moment=False, among=False)):
                    break
                self.here = dict(known)
            else:
                yield f"{at}: {one!r} is not among those answered"

    def _same(self, shown: Any, told: Any) -> bool:
        if shown == told or not isinstance(shown, str) or not isinstance(told, str):
            return bool(shown == told) and isinstance(shown, bool) == isinstance(told, bool)
        if MOMENT.fullmatch(shown) and MOMENT.fullmatch(told):
            return abs((_moment(told) - self.started) - (_moment(shown) - STARTED)) <= SLACK
        ours, theirs = UUID.findall(shown), UUID.findall(told)
        if UUID.sub("", shown) != UUID.sub("", told) or len(ours) != len(theirs):
            return False
        return all(self._learn(one, other) for one, other in zip(ours, theirs, strict=True))

    def _learn(self, shown: str, told: str) -> bool:
        if shown in self.here:
            return self.here[shown] == told
        if shown != told and told in self.here.values():
            return False
        self.here[shown] = told
        return True

    def token(self, shown: str, told: str) -> None:
        """The Consistency-Token shown is this one here."""
        self.here[shown] = told


def _alike(shown: Any, told: Any) -> bool:
    """Both of one kind; what is not known now may be known a moment later."""
    return shown is None or told is None or isinstance(told, type(shown)) or {type(shown), type(told)} == {int, float}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _read(body: Any) -> Any:
    """Lines of JSON and events are compared by what they say."""
    if not isinstance(body, str):
        return body
    if body.startswith("{"):
        return [json.loads(line) for line in body.splitlines()]
    fields = dict(line.split(": ", 1) for line in body.strip().splitlines() if ": " in line)
    return {"event": fields.get("event"), "data": json.loads(fields["data"])} if "data" in fields else body

"""What would a member hold if every single point were a token on a table? A slow second opinion on the ledger, sharing no code with it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass
class Pile:
    """The tokens of one lot, each with where it lies: pending, available, ("held", name), ("spent", name), blocked, sent, expired, reversed, repaid."""

    key: Any
    activates: datetime
    expires: datetime | None
    tokens: list[Any]
    restored: bool = False

    def order(self) -> tuple[Any, ...]:
        return self.expires is None, self.expires, self.activates, self.key

    def count(self, place: Any) -> int:
        return self.tokens.count(place)

    def move(self, source: Any, target: Any, most: int) -> int:
        moved = 0
        for number, place in enumerate(self.tokens):
            if place == source and moved < most:
                self.tokens[number], moved = target, moved + 1
        return moved


@dataclass
class Table:
    """A member's tokens, what is owed, and the reservations that run."""

    piles: list[Pile] = field(default_factory=list)
    debt: int = 0
    owed: int = 0  # every point ever owed
    ends: dict[str, datetime] = field(default_factory=dict)

    def until(self, now: datetime) -> None:
        """Let time pass, border by border."""
        borders = {pile.activates for pile in self.piles} | {pile.expires for pile in self.piles if pile.expires} | set(self.ends.values())
        for border in sorted(each for each in borders if each <= now):
            for pile in self.piles:
                if pile.activates <= border:
                    pile.move("pending", "available", len(pile.tokens))
            for name in [name for name, end in self.ends.items() if end <= border]:
                self.free(name, "held")
            self.expire(border)

    def expire(self, now: datetime) -> None:
        for pile in self.piles:
            if pile.expires and pile.expires <= now:
                pile.move("available", "expired", len(pile.tokens))
                pile.move("pending", "expired", len(pile.tokens))

    def gain(self, key: Any, points: int, *, at: datetime, activates: datetime, expires: datetime | None) -> None:
        pile = Pile(key, activates, expires, ["available" if activates <= at else "pending"] * points)
        repaid = min(self.debt, points)
        pile.move(pile.tokens[0], "repaid", repaid)
        self.debt -= repaid
        self.piles.append(pile)

    def lose(self, points: int, own: Any = None) -> None:
        """Tokens taken back: from their own pile, then available ones, then pending ones; the rest is owed."""
        ordered = sorted(self.piles, key=Pile.order)
        mine, others = [pile for pile in ordered if pile.key == own], [pile for pile in ordered if pile.key != own]
        for piles, places in ((mine, ("pending", "available")), (others, ("available",)), (others, ("pending",))):
            for pile in piles:
                for place in places:
                    points -= pile.move(place, "reversed", points)
        self.debt += points
        self.owed += points

    def back(self, key: Any, now: int, before: int) -> None:
        """`now`, `before`: points on all goods returned with this return, and without it. What expired was taken already."""
        pile = next(pile for pile in self.piles if pile.key == key)
        most = len(pile.tokens) - pile.count("expired")
        self.lose(min(now, most) - min(before, most), own=key)

    def hold(self, name: str, points: int, now: datetime, end: datetime) -> bool:
        free = [pile for pile in sorted(self.piles, key=Pile.order) if pile.count("available")]
        if points > sum(pile.count("available") for pile in free) - self.debt:
            return False
        for pile in free:
            points -= pile.move("available", ("held", name), points)
        self.ends[name] = end
        return True

    def spend(self, name: str) -> None:
        del self.ends[name]
        for pile in self.piles:
            pile.move(("held", name), ("spent", name), len(pile.tokens))

    def free(self, name: str, how: str, now: datetime | None = None, more: timedelta | None = None) -> None:
        """Give back what was held or spent under a name; a pile that has ended by `now` may get `more` time, once."""
        self.ends.pop(name, None)
        for pile in self.piles:
            back = pile.move((how, name), "available", len(pile.tokens))
            if back and now and more and pile.expires and pile.expires <= now and not pile.restored:
                pile.expires, pile.restored = now + more, True

    def block(self, points: int) -> bool:
        free = sorted(self.piles, key=Pile.order)
        if not 0 < points <= sum(pile.count("available") for pile in free):
            return False
        for pile in free:
            points -= pile.move("available", "blocked", points)
        return True

    def unblock(self, points: int, now: datetime) -> None:
        for pile in sorted(self.piles, key=Pile.order):
            points -= pile.move("blocked", "available", points)
        self.expire(now)

    def send(self, points: int) -> bool:
        """To somebody else's table."""
        free = sorted(self.piles, key=Pile.order)
        if points > sum(pile.count("available") for pile in free) - self.debt:
            return False
        for pile in free:
            points -= pile.move("available", "sent", points)
        return True

    def accounts(self) -> dict[str, int]:
        places = Counter(place[0] if isinstance(place, tuple) else place for pile in self.piles for place in pile.tokens)
        return {
            "issued": sum(len(pile.tokens) for pile in self.piles), "pending": places["pending"], "available": places["available"],
            "reserved": places["held"], "redeemed": places["spent"], "expired": places["expired"],
            "reversed": places["reversed"] + self.owed, "debt": self.debt, "blocked": places["blocked"], "transferred": places["sent"],
        }  # fmt: skip

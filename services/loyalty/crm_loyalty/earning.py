"""What does a purchase earn, and why? Rules in order, exact arithmetic, a trace of those that did not fire as well."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from crm_events.language.loyalty import Line, LinePoints, TraceEntry
from crm_events.language.programme import EarningRule, ProgrammePublished, Rounding
from crm_events.refusals import Rejected

MOST_POINTS = 10**12  # from one rule for one purchase: sums of many stay far inside 64 bits


@dataclass(frozen=True, slots=True)
class Gain:
    """What one rule gives: Σ of its lines' points. `counted`: the lines the rule was for."""

    rule: str
    points: int
    lines: tuple[LinePoints, ...]
    counted: frozenset[int]


@dataclass(frozen=True, slots=True)
class Earning:
    """What all rules together do with one purchase."""

    gains: tuple[Gain, ...] = ()
    trace: tuple[TraceEntry, ...] = ()


def evaluate(version: ProgrammePublished, lines: Sequence[Line], *, channel: str, outlet: str | None, tier: str | None) -> Earning:
    """Try the rules in their order. A rule with `stop` that fires keeps the lines it counted from the rules after it."""
    gains, trace, left = list[Gain](), list[TraceEntry](), list(lines)
    for rule in version.earning:
        counted = [line for line in left if _admits(rule, line)]
        why = _unmet(rule, lines, left, counted, channel=channel, outlet=outlet, tier=tier)
        gain = None if why else _gain(rule, counted)
        trace.append(TraceEntry(rule=rule.id, fired=gain is not None, points=gain.points if gain else 0, why=why or _because(rule, counted)))
        if gain is not None and rule.stop:
            left = [line for line in left if line.line not in gain.counted]
        if gain is not None and gain.points:
            gains.append(gain)
    return Earning(tuple(gains), tuple(trace))


def amount(lines: Iterable[Line]) -> int:
    """What was paid for these lines, in minor units."""
    return sum(line.paid_price * line.quantity for line in lines)


def _admits(rule: EarningRule, line: Line) -> bool:
    when = rule.when
    return (
        (not when.categories or line.category in when.categories)
        and (not when.skus or line.sku in when.skus)
        and (not when.brands or line.brand in when.brands)
    )  # fmt: skip


def _unmet(
    rule: EarningRule, lines: Sequence[Line], left: Sequence[Line], counted: Sequence[Line], *, channel: str, outlet: str | None, tier: str | None
) -> str | None:
    """The first condition that does not hold, as a sentence; None where all do."""
    when = rule.when
    if when.channels and channel not in when.channels:
        return "It is for other channels."
    if when.outlets and outlet not in when.outlets:
        return "It is for other outlets."
    if when.tiers and tier not in when.tiers:
        return "It is for other tiers."
    if not counted:
        stopped = any(_admits(rule, line) for line in lines if line not in left)
        return "A rule before it stopped at its lines." if stopped else "It is for other goods."
    if amount(counted) < when.min_amount:
        return f"{amount(counted)} is below its least amount of {when.min_amount}."
    return None


def _because(rule: EarningRule, counted: Sequence[Line]) -> str:
    over = "by line" if rule.basis == "line" else "together"
    return f"{amount(counted)} paid on {len(counted)} lines, rounded {over}."


def _gain(rule: EarningRule, counted: Sequence[Line]) -> Gain:
    rate = Fraction(rule.multiplier) * rule.points_per.points / rule.points_per.amount
    numbers = frozenset(line.line for line in counted)
    if rule.basis == "line":
        shares = [rounded(rate * amount([line]), rule.rounding) for line in counted]
    else:
        shares = _split(rounded(rate * amount(counted), rule.rounding), [amount([line]) for line in counted])
    if sum(shares) > MOST_POINTS:
        raise Rejected("too-many-points", f"Rule '{rule.id}' would give more than {MOST_POINTS} points. Correct the amounts, or the programme.")
    lines = tuple(LinePoints(line=line.line, points=points) for line, points in zip(counted, shares, strict=True))
    return Gain(rule.id, sum(shares), lines, numbers)


def rounded(points: Fraction, how: Rounding) -> int:
    """Whole points: down, or to the nearest with halves up."""
    return _ROUNDING[how](points)


_ROUNDING: dict[Rounding, Callable[[Fraction], int]] = {
    "floor": lambda points: points.numerator // points.denominator,
    "half_up": lambda points: (2 * points.numerator + points.denominator) // (2 * points.denominator),
}


def _split(points: int, amounts: Sequence[int]) -> list[int]:
    """Shares in proportion to what was paid, rounded cumulatively: they add up to `points`."""
    whole, shares, so_far, given = sum(amounts), list[int](), 0, 0
    for each in amounts:
        so_far += each
        upto = points * so_far // whole if whole else 0
        shares.append(upto - given)
        given = upto
    return shares

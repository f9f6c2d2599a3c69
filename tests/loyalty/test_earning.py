"""Does a purchase earn exactly what the rules say, and does the trace say why?"""

from typing import Any

import pytest
from crm_events.language.loyalty import Line
from crm_events.refusals import Rejected
from crm_loyalty.earning import Earning, evaluate
from hypothesis import given as for_all
from hypothesis import strategies as st
from loyalty_words import line, published, rule


def earned(*rules: dict[str, Any], lines: list[dict[str, Any]], channel: str = "web", outlet: str | None = None, tier: str | None = None) -> Earning:
    return evaluate(published(*rules), [Line(**each) for each in lines], channel=channel, outlet=outlet, tier=tier)


def points(earning: Earning) -> list[int]:
    return [gain.points for gain in earning.gains]


def test_each_line_is_rounded_down_by_itself() -> None:
    earning = earned(rule(), lines=[line(3, 3333), line(1, 5099, number=2)])
    assert [(share.line, share.points) for share in earning.gains[0].lines] == [(1, 99), (2, 50)]


def test_an_order_is_rounded_once_and_shared_among_its_lines() -> None:
    earning = earned(rule(basis="order"), lines=[line(1, 150), line(1, 150, number=2), line(1, 150, number=3)])
    assert points(earning) == [4]
    assert sum(share.points for share in earning.gains[0].lines) == 4


def test_halves_are_rounded_up_only_where_the_rule_says_so() -> None:
    assert points(earned(rule(rounding="half_up"), lines=[line(1, 150)])) == [2]
    assert points(earned(rule(rounding="half_up"), lines=[line(1, 149)])) == [1]
    assert points(earned(rule(rounding="floor"), lines=[line(1, 199)])) == [1]


def test_a_multiplier_is_exact() -> None:
    """In binary floating point 0.1 x 3 x 10 is more than 3, and 1.1 x 1.1 x 100 more than 121."""
    assert points(earned(rule(multiplier="0.1", points_per={"points": 1, "amount": 1}), lines=[line(1, 30)])) == [3]
    assert points(earned(rule(multiplier="1.15", points_per={"points": 100, "amount": 1}), lines=[line(1, 1)])) == [115]
    assert points(earned(rule(multiplier="0.29", points_per={"points": 100, "amount": 1}), lines=[line(1, 1)])) == [29]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"channels": ["shop"]}, "other channels"),
        ({"outlets": ["o-1"]}, "other outlets"),
        ({"tiers": ["gold"]}, "other tiers"),
        ({"categories": ["music"]}, "other goods"),
        ({"skus": ["s9"]}, "other goods"),
        ({"brands": ["acme"]}, "other goods"),
        ({"min_amount": 101}, "least amount of 101"),
    ],
)
def test_a_rule_whose_condition_fails_gives_nothing_and_says_why(when: dict[str, Any], told: str) -> None:
    earning = earned(rule(when=when), lines=[line(1, 100)])
    assert earning.gains == () and [entry.fired for entry in earning.trace] == [False]
    assert told in earning.trace[0].why


@pytest.mark.parametrize(
    "when",
    [{"channels": ["web"]}, {"outlets": ["o-1"]}, {"tiers": ["gold"]}, {"categories": ["books"]}, {"skus": ["s1"]}, {"brands": ["acme"]}, {"min_amount": 100}],
)
def test_a_rule_whose_condition_holds_fires(when: dict[str, Any]) -> None:
    assert points(earned(rule(when=when), lines=[line(1, 100, brand="acme")], outlet="o-1", tier="gold")) == [1]


def test_a_condition_on_goods_counts_only_those_goods() -> None:
    earning = earned(rule(when={"categories": ["music"], "min_amount": 200}), lines=[line(1, 900), line(2, 100, number=2, category="music")])
    assert [share.line for share in earning.gains[0].lines] == [2] and points(earning) == [2]


def test_the_least_amount_is_asked_of_the_goods_the_rule_is_for() -> None:
    assert earned(rule(when={"categories": ["music"], "min_amount": 200}), lines=[line(1, 900), line(1, 199, number=2, category="music")]).gains == ()


def test_a_rule_that_stops_keeps_its_lines_from_later_rules() -> None:
    gifts = rule("no-gifts", when={"categories": ["gift"]}, multiplier="0", stop=True)
    earning = earned(gifts, rule(), lines=[line(1, 500, category="gift"), line(1, 300, number=2)])
    assert [(gain.rule, gain.points) for gain in earning.gains] == [("base", 3)]
    everything = earned(rule(stop=True), rule("extra"), lines=[line(1, 500)])
    assert [gain.rule for gain in everything.gains] == ["base"] and "stopped" in everything.trace[1].why


def test_without_stop_rules_add_up_in_their_order() -> None:
    earning = earned(rule(), rule("double", multiplier="2"), lines=[line(1, 500)])
    assert [(gain.rule, gain.points) for gain in earning.gains] == [("base", 5), ("double", 10)]
    assert [(entry.rule, entry.fired, entry.points) for entry in earning.trace] == [("base", True, 5), ("double", True, 10)]


def test_a_programme_that_would_give_absurdly_much_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        earned(rule(points_per={"points": 1_000_000, "amount": 1}, multiplier="999999"), lines=[line(1, 10**9)])
    assert refused.value.rule == "too-many-points"


@for_all(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.sampled_from(["floor", "half_up"]), st.sampled_from(["0.5", "1", "1.333", "3"]))
def test_shares_of_an_order_always_add_up(amounts: list[int], rounding: str, multiplier: str) -> None:
    lines = [line(1, amount, number=number) for number, amount in enumerate(amounts, 1)]
    for gain in earned(rule(basis="order", rounding=rounding, multiplier=multiplier), lines=lines).gains:
        assert sum(share.points for share in gain.lines) == gain.points
        assert all(share.points >= 0 for share in gain.lines)

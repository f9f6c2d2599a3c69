"""How do two documents add up to one?

A document is a commutative monoid: every event says a small document (`delta`), a fold adds them, and the documents of a customer's merged ids are added in
the same way. So a document depends neither on the order of events nor on how they were split over ids; a shape is the addition of one part.
A register is a list `[occurred_at, position, value …]`: the later occurrence wins, so that a late fact never overwrites a newer one.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
Shape: TypeAlias = Callable[[Any, Any], Any]


def latest(one: list[Any], other: list[Any]) -> list[Any]:
    """Of two registers the one that occurred later; at the same moment, the one the source told later."""
    return other if (other[0], other[1]) > (one[0], one[1]) else one


def earliest(one: list[Any], other: list[Any]) -> list[Any]:
    """Of two registers the one that occurred first."""
    return other if (other[0], other[1]) < (one[0], one[1]) else one


def revised(one: list[Any], other: list[Any]) -> list[Any]:
    """Of two verdicts `[revision, position, …]` the higher revision."""
    return latest(one, other)


def most(one: Any, other: Any) -> Any:
    """The greater: the last moment of something."""
    return max(one, other)


def least(one: Any, other: Any) -> Any:
    """The smaller: the first moment of something."""
    return min(one, other)


def total(one: int, other: int) -> int:
    """The sum."""
    return one + other


def each(shape: Shape) -> Shape:
    """Maps: what is under the same name is added by `shape`."""

    def add(one: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
        merged = dict(one)
        for name, value in other.items():
            merged[name] = shape(merged[name], value) if name in merged else value
        return merged

    return add


def fields(**shapes: Shape) -> Shape:
    """Records: each field is added by its own shape; a field absent on one side is the other's."""

    def add(one: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
        merged = dict(one)
        for name, value in other.items():
            merged[name] = shapes[name](merged[name], value) if name in merged else value
        return merged

    return add


def same(one: Any, _: Any) -> Any:
    """What every telling says alike: the terms of a lot."""
    return one


def balances(shape: Shape, *amounts: str) -> Shape:
    """Maps of accounts: an amount of zero is left out, an entry without amounts too, which keeps a document as small as what is open."""
    add_all = each(shape)

    def add(one: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
        merged: Document = add_all(one, other)
        for name in other:
            entry = {field: value for field, value in merged[name].items() if value or field not in amounts}
            if any(amount in entry for amount in amounts):
                merged[name] = entry
            else:
                del merged[name]
        return merged

    return add

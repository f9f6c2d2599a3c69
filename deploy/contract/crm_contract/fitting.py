"""Does every value of one schema fit another? What does not is told in words, with its place as a JSON pointer (`*` for any item or key)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "multipleOf", "uniqueItems")


@dataclass(frozen=True, slots=True)
class Words:
    """How a misfit is told. `open_words`: values that an enumeration gains are no misfit."""

    lacks: str
    extra: str
    value: str
    kind: str
    limit: str
    open_words: bool


# What a client sends by the old document must fit the new one; what the new one answers must fit the old.
SENT = Words(
    lacks="now requires {}", extra="no longer takes {}", value="no longer takes {} at {}", kind="no longer takes {} at {}",
    limit="takes less than before at {} ({})", open_words=False,
)  # fmt: skip
ANSWERED = Words(
    lacks="no longer always answers {}", extra="no longer answers {}", value="may now answer {} at {}", kind="may now answer {} at {}",
    limit="may answer more than before at {} ({})", open_words=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """Follows a document's references."""

    document: Mapping[str, Any]

    def resolve(self, part: Any) -> Any:
        """The part, or what it refers to."""
        while isinstance(part, Mapping) and "$ref" in part:
            found: Any = self.document
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            part = found
        return part


@dataclass(slots=True)
class _Walk:
    inner: Reader
    outer: Reader
    words: Words
    seen: set[tuple[str, str]] = field(default_factory=set)

    def misfits(self, inner: Schema, outer: Schema, at: str) -> Iterator[str]:
        pair = inner.get("$ref", ""), outer.get("$ref", "")
        if all(pair):
            if pair in self.seen:
                return
            self.seen.add(pair)  # a schema may contain itself
        choices = self._choices(self.outer, outer)
        for one in self._choices(self.inner, inner):
            same = [other for other in choices if _kinds(one) <= _kinds(other)]
            if not same:
                yield self.words.kind.format(" or ".join(sorted(_kinds(one))), at or "/")
                continue
            before = set(self.seen)
            told = []
            for other in same:
                self.seen = set(before)
                told.append(list(self._plain(one, other, at)))
            yield from min(told, key=len)

    def _choices(self, reader: Reader, schema: Schema) -> list[Schema]:
        schema = reader.resolve(schema)
        several = schema.get("anyOf") or schema.get("oneOf")
        return [choice for each in several for choice in self._choices(reader, each)] if several else [schema]

    def _plain(self, inner: Schema, outer: Schema, at: str) -> Iterator[str]:
        yield from self._values(inner, outer, at or "/")
        for limit in _LOWER + _UPPER + _EXACT:
            if limit in outer and not _within(limit, inner.get(limit), outer[limit]):
                yield self.words.limit.format(at or "/", f"{limit} {outer[limit] if self.words is SENT else inner.get(limit, 'none')}")
        yield from self._members(inner, outer, at)
        if "items" in outer:
            yield from self.misfits(inner.get("items", {}), outer["items"], f"{at}/*")
        mine, theirs = inner.get("prefixItems", []), outer.get("prefixItems", [])
        for number, (one, other) in enumerate(zip(mine, theirs, strict=False)):
            yield from self.misfits(one, other, f"{at}/{number}")

    def _values(self, inner: Schema, outer: Schema, at: str) -> Iterator[str]:
        mine, theirs = _enumerated(inner), _enumerated(outer)
        if theirs is None or (self.words.open_words and mine is not None):
            return
        if mine is None:
            if not self.words.open_words:
                yield self.words.value.format("any other value", at)
            return
        for value in mine:
            if value not in theirs:
                yield self.words.value.format(repr(value), at)

    def _members(self, inner: Schema, outer: Schema, at: str) -> Iterator[str]:
        mine, theirs = inner.get("properties", {}), outer.get("properties", {})
        gone = set(theirs if self.words.open_words else mine) - set(mine if self.words.open_words else theirs)
        closed = self.words.open_words or outer.get("additionalProperties") is False
        for name in sorted(gone) if closed else ():
            yield self.words.extra.format(f"{at}/{name}")
        for name in outer.get("required", ()):
            if name not in inner.get("required", ()) and name not in (gone if closed else ()):
                yield self.words.lacks.format(f"{at}/{name}")
        for name in mine:
            if name in theirs:
                yield from self.misfits(mine[name], theirs[name], f"{at}/{name}")
        more, other = inner.get("additionalProperties"), outer.get("additionalProperties")
        if isinstance(more, Mapping) and isinstance(other, Mapping):
            yield from self.misfits(more, other, f"{at}/*")


def misfits(inner: Schema, outer: Schema, of_inner: Reader, of_outer: Reader, words: Words) -> list[str]:
    """Why a value of `inner` may not fit `outer`."""
    return list(_Walk(of_inner, of_outer, words).misfits(inner, outer, ""))


def _kinds(schema: Schema) -> set[str]:
    told = schema.get("type")
    if told is None:
        told = sorted({_kind(value) for value in _enumerated(schema) or ()}) or ["any", *_BASIC]
    kinds = {told} if isinstance(told, str) else set(told)
    return kinds | ({"integer"} if "number" in kinds else set())


_BASIC = ("string", "integer", "number", "boolean", "object", "array", "null")


def _kind(value: object) -> str:
    return {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}.get(type(value), "object")


def _enumerated(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _within(limit: str, mine: Any, theirs: Any) -> bool:
    if mine is None:
        return False
    if limit in _LOWER:
        return bool(mine >= theirs)
    return bool(mine <= theirs) if limit in _UPPER else bool(mine == theirs)

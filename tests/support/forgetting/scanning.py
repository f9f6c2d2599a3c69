"""Does any of these bytes tell of her? Every place against every spelling."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from crm_local.stack import Stack

from forgetting.marks import Marks
from forgetting.places import Place, dumps, files, metrics, records
from forgetting.spellings import spellings

_HEX = re.compile(rb"[0-9a-fA-F]{32,}")


@dataclass(frozen=True, slots=True)
class Needles:
    """What is looked for, and what each is: texts in every spelling, hashes by their first 16 bytes."""

    texts: Mapping[bytes, str]
    hashes: Mapping[bytes, str]

    def texts_in(self, place: Place) -> Iterator[str]:
        """The marks that a place tells, as lines for a person."""
        for needle, name in self.texts.items():
            at = place.content.find(needle)
            if at >= 0:
                yield f"{name} in {place.name}: …{place.content[max(0, at - 40) : at + 60]!r}"

    def hashes_in(self, place: Place, *, raw: bool) -> Iterator[str]:
        """The hashes that a place holds: written as hex, and where bytes are kept as they are, `raw`."""
        for run in _HEX.finditer(place.content):
            told = run[0].lower()
            for at in range(len(told) - 31):
                name = self.hashes.get(bytes.fromhex(told[at : at + 32].decode()))
                if name:
                    yield f"the hash of {name} in {place.name}"
        for needle, name in self.hashes.items() if raw else ():
            if needle in place.content:
                yield f"the hash of {name} in {place.name}"


def needles(marks: Marks, hashes: Mapping[str, bytes]) -> Needles:
    """Every spelling of every mark, and these hashes."""
    return Needles({spelled: name for name, text in marks.needles.items() for spelled in spellings(text)}, {raw[:16]: name for name, raw in hashes.items()})


async def kept(stack: Stack) -> AsyncIterator[tuple[Place, bool]]:
    """The places that can be read back, and whether bytes lie there as they are: tables, topics, what the processes say."""
    async for place in dumps(stack):
        yield place, False
    async for place in records(stack):
        yield place, True
    async for place in metrics(stack):
        yield place, False


async def scan_kept(stack: Stack, looked_for: Needles) -> AsyncIterator[str]:
    """What is found in any table, topic or word of a process."""
    async for place, raw in kept(stack):
        for hit in (*looked_for.texts_in(place), *looked_for.hashes_in(place, raw=raw)):
            yield hit


def scan_files(stack: Stack, looked_for: Needles, *rooms: str) -> Iterator[str]:
    """What is found in any file, or in those of these folders. Hashes are not looked for in PostgreSQL's own, where a deleted row's bytes
    stay until they are written over.
    """
    for place in files(stack, *rooms):
        yield from looked_for.texts_in(place)
        if not place.name.startswith("postgres/"):
            yield from looked_for.hashes_in(place, raw=True)

"""Where does a subscriber without a database keep how far it has come?"""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

Standing: TypeAlias = Mapping[str, tuple[int, int]]
"""By `topic/partition`: the offset to go on from, and the position of the last event handled."""


class Marks(Protocol):
    """What a subscriber's own store must do; a row in its database, changed with its effects, makes them happen once."""

    async def load(self) -> Standing:
        """What was kept last; empty at the first start."""

    async def keep(self, standing: Standing) -> None:
        """Keep it. What raises ends the subscription."""


class File:
    """A file of JSON, replaced as a whole: a crash leaves the one before, and a few events come again."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    async def load(self) -> Standing:
        """Raises ValueError where the file is none of ours: beginning again by itself could do everything twice."""
        return await asyncio.to_thread(self._read)

    async def keep(self, standing: Standing) -> None:
        await asyncio.to_thread(self._write, json.dumps(standing, sort_keys=True))

    def _read(self) -> Standing:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        try:
            return {where: (int(next_), int(last)) for where, (next_, last) in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{self._path} holds no marks. Remove it to begin again.") from error

    def _write(self, text: str) -> None:
        beside = self._path.with_name(self._path.name + ".new")
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


class Nowhere:
    """For who begins anew each time."""

    async def load(self) -> Standing:
        return {}

    async def keep(self, standing: Standing) -> None:
        """It is forgotten."""

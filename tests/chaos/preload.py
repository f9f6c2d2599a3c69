"""How is a process made to see a wrong clock or a slow disk? Small C shims, compiled in the run's folder, told what to do through a shared file."""

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chaos.needs import Missing

_SOURCES = Path(__file__).parent / "shims"
_TOLD_BY = {"clock": "CHAOS_CLOCK", "fsync": "CHAOS_FSYNC"}


@dataclass(frozen=True, slots=True)
class Shim:
    """One shim and what it is told. `environment`: what a process must be started with to be under it."""

    name: Literal["clock", "fsync"]
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), _TOLD_BY[self.name]: str(self._told)}

    def tell(self, value: int) -> None:
        """From now on: seconds the clock is ahead (behind, if negative), or microseconds a flush takes."""
        with self._told.open("r+b") as file:
            file.write(struct.pack("@l", value))

    @property
    def counted(self) -> int:
        """How many flushes waited."""
        return int(struct.unpack("@ll", self._told.read_bytes())[1])

    @property
    def _library(self) -> Path:
        return self.folder / f"{self.name}.so"

    @property
    def _told(self) -> Path:
        return self.folder / f"{self.name}.told"


def shim(name: Literal["clock", "fsync"], folder: Path) -> Shim:
    """Compile it. Raises Missing without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Missing("a C compiler (Debian: gcc and libc6-dev)")
    made = Shim(name, folder)
    folder.mkdir(parents=True, exist_ok=True)
    library, told = folder / f"{name}.so", folder / f"{name}.told"
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCES / f"{name}.c", "-ldl"], capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"a C compiler that works: {done.stderr.strip()[-300:]}")
    told.write_bytes(struct.pack("@ll", 0, 0))
    told.chmod(0o666)  # PostgreSQL runs under another account where we are root
    return made

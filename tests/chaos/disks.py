"""How does a server come to stand on a disk that is full? A small one of memory is mounted where its folder was, and filled."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.needs import Missing


@dataclass(frozen=True, slots=True)
class Disk:
    """One small disk, mounted at `folder`."""

    folder: Path

    def fill(self) -> None:
        """Leave not one byte."""
        with self._ballast.open("ab", buffering=0) as file:
            piece = 1 << 20
            while piece:
                try:
                    file.write(bytes(piece))
                except OSError:
                    piece //= 2

    def free(self) -> None:
        """Somebody has made room."""
        self._ballast.unlink(missing_ok=True)

    @property
    def left(self) -> int:
        """Bytes that can still be written."""
        return shutil.disk_usage(self.folder).free

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Disk]:
    """Put what is in `folder` on a disk of that size for the time of the block, and back. Its server must stand still at both ends. Raises Missing."""
    if os.geteuid() != 0:
        raise Missing("root, to mount a small disk")
    aside, owner = folder.with_name(f"{folder.name}.aside"), folder.stat()
    folder.rename(aside)
    folder.mkdir()
    told = f"size={megabytes}m,mode=0{owner.st_mode & 0o777:o},uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", told, "chaos", folder], capture_output=True, text=True)
    if mounted.returncode:
        folder.rmdir()
        aside.rename(folder)
        raise Missing(f"the right to mount a disk of memory (tmpfs): {mounted.stderr.strip()}")
    disk = Disk(folder)
    try:
        _copied(aside, folder)
        yield disk
        disk.free()
        shutil.rmtree(aside)
        _copied(folder, aside)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)
        folder.rmdir()
        aside.rename(folder)


def size_of(folder: Path) -> int:
    """The megabytes of what is in the folder."""
    told = subprocess.run(["du", "--summarize", "--block-size=1M", folder], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[0])


def _copied(source: Path, target: Path) -> None:
    """All of it, with its owners."""
    subprocess.run(["cp", "--archive", f"{source}/.", target], check=True, capture_output=True)

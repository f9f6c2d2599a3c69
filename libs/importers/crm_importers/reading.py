"""How is a file read, plain or packed, and how is its place in it told?"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from crm_importers.sending import Stopped


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The file as UTF-8 text, unpacked if its name ends in .gz. Raises Stopped if it cannot be read."""
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig", newline="") if file.suffix == ".gz" else file.open(encoding="utf-8-sig", newline="") as text:
            yield text
    except FileNotFoundError:
        raise Stopped(f"{file}: there is no such file.") from None
    except (OSError, EOFError) as error:
        raise Stopped(f"{file}: cannot be read ({error}).") from None
    except UnicodeDecodeError:
        raise Stopped(f"{file}: is not UTF-8 text.") from None

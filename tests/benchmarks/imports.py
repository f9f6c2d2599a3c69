"""How many commands a second does an import bring in? The importer's own code, a made-up file of purchases, one service taking them."""

import io
import random
import time
from pathlib import Path

from crm_importers import sources
from crm_importers.address import Address
from crm_importers.importing import Import
from crm_local import issuing
from rich.console import Console

from benchmarks.harness import ROUNDS, Ground, Measure

CUSTOMERS, SYSTEM_DIGITS = 2_000, 6


def _file(folder: Path, round_: int) -> Path:
    """Lines as CDNOW's: `customer date number-of-CDs dollars`, some three a customer, sorted by customer as the real one is."""
    chosen, lines = random.Random(round_), []
    for number in range(CUSTOMERS):
        customer = f"{round_ * CUSTOMERS + number:0{SYSTEM_DIGITS}d}"
        days = sorted(f"1997{chosen.randint(1, 12):02d}{chosen.randint(1, 28):02d}" for _ in range(chosen.randint(1, 5)))
        lines += [f"{customer} {day} {chosen.randint(1, 4)} {chosen.randint(500, 9_000) / 100:.2f}" for day in days]
    file = folder / f"purchases-{round_}.txt"
    file.write_text("\n".join(lines) + "\n")
    return file


async def import_(ground: Ground) -> list[Measure]:
    """Into loyalty with its relay; projector and composer rest, the importer shares the cores."""
    stack, around = await ground.stack("loyalty")
    urls = [around.addresses.url(name) for name in ("contacts", "tickets", "loyalty", "reporting")]
    address, rates = Address(*urls, issuing.token(stack.data_dir)), []
    for number in range(ROUNDS):
        phases, refused = sources.purchases(_file(stack.data_dir, number))
        began = time.perf_counter()
        tally = await Import(address, Console(file=io.StringIO())).run(phases, refused)
        took = time.perf_counter() - began
        if not tally.whole:
            raise AssertionError("lines were refused")
        rates.append(sum(tally.accepted.values()) / took)
    return [Measure("import_per_s", rates, ours=rates)]

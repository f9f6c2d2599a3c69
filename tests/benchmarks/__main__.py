"""Which figures does `make bench` measure? All of them, or those whose name begins with ONLY."""

import asyncio
import sys
import time

from rich.console import Console
from rich.table import Table

from benchmarks.append import append, append_vs_pyeventsourcing
from benchmarks.harness import Ground, Target, write
from benchmarks.relay import relay

BENCHMARKS = (append, append_vs_pyeventsourcing, relay)
TARGETS = {
    "append_vs_cte": Target(1.5, True, "ratio"),
    "append_vs_ordered_cte": Target(4, True, "ratio"),
    "append_vs_pyeventsourcing": Target(8, True, "ratio"),
    "append_p99_ms": Target(15, False, "ms"),
    "relay_vs_send_batch": Target(0.22, True, "ratio"),
    "relay_vs_outbox": Target(4, True, "ratio"),
}


def main() -> int:
    told = Console(width=140)
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [one for one in BENCHMARKS if one.__name__.startswith(only) or only.startswith(one.__name__)]
    if not chosen:
        told.print(f"There is no benchmark {only}. There are: {', '.join(one.__name__ for one in BENCHMARKS)}.")
        return 2
    ground, found = Ground(), {}
    table = Table("figure", "median", "min", "max", "target", "", "ours", "rival")
    try:
        for one in chosen:
            began = time.monotonic()
            for measure in asyncio.run(one(ground)):
                target = TARGETS[measure.name]
                figure = found[measure.name] = measure.as_json(target.unit)
                numbers = [f"{figure[name]:,.4g}" for name in ("median", "min", "max")]
                sides = [f"{figure[name]:,.1f}" if figure[name] is not None else "" for name in ("ours", "rival")]
                table.add_row(measure.name, *numbers, str(target), "met" if target.met(figure["median"]) else "missed", *sides)
            told.print(f"{one.__name__}: {time.monotonic() - began:.0f} s")
    finally:
        ground.close()
    told.print(table, f"Kept in {write(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

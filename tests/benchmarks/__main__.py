"""Which figures does `make bench` measure? All of them, or those whose name begins with ONLY."""

import sys
import time
from pathlib import Path

import uvloop
from crm_chassis.collecting import collect_less
from rich.console import Console
from rich.table import Table

from benchmarks.append import append, append_vs_pyeventsourcing
from benchmarks.harness import Ground, Target, write
from benchmarks.imports import import_
from benchmarks.latency import relay_latency, visible
from benchmarks.posts import http_post
from benchmarks.project import project
from benchmarks.rebuild import rebuild
from benchmarks.relay import relay
from benchmarks.soak import soak
from benchmarks.views import view_get

BENCHMARKS = (append, append_vs_pyeventsourcing, http_post, relay, relay_latency, project, rebuild, visible, view_get, import_, soak)
TARGETS = {
    "append_vs_cte": Target(1.5, True, "ratio"),
    "append_vs_ordered_cte": Target(4, True, "ratio"),
    "append_vs_pyeventsourcing": Target(8, True, "ratio"),
    "append_p99_ms": Target(15, False, "ms"),
    "http_post_vs_noop": Target(0.4, True, "ratio"),
    "relay_vs_send_batch": Target(0.22, True, "ratio"),
    "relay_vs_outbox": Target(4, True, "ratio"),
    "relay_latency_p50_ms": Target(5, False, "ms"),
    "relay_latency_p99_ms": Target(20, False, "ms"),
    "project_vs_txn": Target(16, True, "ratio"),
    "project_vs_consume": Target(0.13, True, "ratio"),
    "project_rss_mb": Target(250, False, "MB"),
    "rebuild_per_s": Target(30_000, True, "events/s"),
    "rebuild_linear": Target(1.2, False, "ratio"),
    "rebuild_rss_mb": Target(200, False, "MB"),
    "visible_p50_ms": Target(15, False, "ms"),
    "visible_p99_ms": Target(60, False, "ms"),
    "view_get_vs_select": Target(0.5, True, "ratio"),
    "view_get_growth": Target(1.2, False, "ratio"),
    "import_per_s": Target(3_000, True, "commands/s"),
    "soak_rss_slope_mb_per_h": Target(20, False, "MB/h"),
}


def main() -> int:
    told = Console(width=140)
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    names = {one.__name__.rstrip("_"): one for one in BENCHMARKS}
    chosen = [names[only]] if only in names else [one for name, one in names.items() if name.startswith(only) or only.startswith(name)]
    if not chosen:
        told.print(f"There is no benchmark {only}. There are: {', '.join(names)}.")
        return 2
    collect_less()  # as a service does: the store and its rivals alike
    ground, found = Ground(), {}
    table = Table("figure", "median", "min", "max", "target", "", "ours", "rival")
    try:
        for one in chosen:
            began, before = time.monotonic(), _processors()
            for measure in uvloop.run(one(ground)):
                target = TARGETS[measure.name]
                figure = found[measure.name] = measure.as_json(target.unit)
                numbers = [f"{figure[name]:,.4g}" for name in ("median", "min", "max")]
                sides = [f"{figure[name]:,.1f}" if figure[name] is not None else "" for name in ("ours", "rival")]
                table.add_row(measure.name, *numbers, str(target), "met" if target.met(figure["median"]) else "missed", *sides)
            stolen, worked = (after - was for after, was in zip(_processors(), before, strict=True))
            told.print(f"{one.__name__}: {time.monotonic() - began:.0f} s, {stolen / max(worked + stolen, 1):.0%} of the processors' time taken by others")
    finally:
        ground.close()
    told.print(table, f"Kept in {write(found)}")
    return 0


def _processors() -> tuple[int, int]:
    """Ticks stolen by the host, and ticks worked, of all processors since the machine started: what makes times of a shared machine mean little."""
    try:
        user, nice, system, _, _, irq, soft, steal = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
    except OSError:  # not a Linux
        return 0, 0
    return steal, user + nice + system + irq + soft


if __name__ == "__main__":
    sys.exit(main())

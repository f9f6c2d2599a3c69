"""What does `make chaos` run? Every scenario with its fixed seeds, or those named, on real processes; then it says what held and how fast it recovered."""

import argparse
import asyncio
import logging
import signal
import sys

import structlog
from typer import echo

from chaos.family import load_all
from chaos.runner import Runner
from chaos.scenario import SCENARIOS


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    load_all()
    told = _arguments()
    chosen = [each for name, each in SCENARIOS.items() if not told.only or any(name.startswith(one) for one in told.only)]
    if told.list or not chosen:
        for each in SCENARIOS.values():
            echo(f"{each.name:32} faults {', '.join(map(str, each.faults)) or '-':8} {each.invariants}")
        return 0 if told.list else 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end, it takes its servers with it
    return asyncio.run(Runner(chosen, seeds=told.seeds, minutes=told.minutes).run())


def _arguments() -> argparse.Namespace:
    words = argparse.ArgumentParser(prog="chaos", description=__doc__)
    words.add_argument("--only", nargs="*", default=[], help="beginnings of scenarios' names")
    words.add_argument("--seeds", type=lambda text: tuple(map(int, text.replace(",", " ").split())), default=(), help="instead of each scenario's own: 1,2,3")
    words.add_argument("--minutes", type=float, default=0, help="go on with further seeds for so long")
    words.add_argument("--list", action="store_true", help="only list the scenarios")
    return words.parse_args()


if __name__ == "__main__":
    sys.exit(main())

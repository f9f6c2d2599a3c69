"""How often does Python look for circles of objects? By default at every 700 new ones, over again those that live as long as the process."""

import gc

YOUNG = 20_000  # new objects before a look; a batch of events, or some dozens of requests


def collect_less() -> None:
    """To be called once what lives for ever is made (modules, routes, models): no look includes it again. A fold spends a tenth to a fifth less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)

"""What is a scenario? An async function that does something to the system under load, sees that it was felt, and undoes it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaos.ground import Ground

Act = Callable[[Ground], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`faults`: numbers of docs/reliability.md's list. `own_stack`: it leaves its stack in a state nobody else should start from."""

    name: str
    act: Act
    faults: tuple[int, ...]
    invariants: str
    seeds: tuple[int, ...]
    own_stack: bool


SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str, *, faults: tuple[int, ...], invariants: str, seeds: tuple[int, ...] = (1,), own_stack: bool = False) -> Callable[[Act], Act]:
    """Enter the function as a scenario; the runner checks that everything holds after it."""

    def enter(act: Act) -> Act:
        if name in SCENARIOS:
            raise ValueError(f"two scenarios are named {name}")
        SCENARIOS[name] = Scenario(name, act, faults, invariants, seeds, own_stack)
        return act

    return enter

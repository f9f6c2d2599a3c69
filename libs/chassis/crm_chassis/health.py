"""Is this process alive, and can it do its work? `/healthz` answers the first, `/readyz` the second, with reasons."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[str | None]]
"""None = well, else the reason in a few words, without addresses or secrets."""

TIMEOUT = 1.0  # seconds a check may take: a probe that hangs tells nothing


@dataclass
class Health:
    """The checks of one service. A check that is not `required` is told but leaves the service ready: writes go on while the broker is away.

    `ending`: the process was asked to end; it works, but whoever balances must send nobody any more.
    """

    checks: dict[str, tuple[Check, bool]] = field(default_factory=dict)
    ending: bool = False

    def add(self, name: str, check: Check, *, required: bool = True) -> None:
        """Ask this too from now on."""
        self.checks[name] = (check, required)

    async def report(self) -> tuple[bool, dict[str, dict[str, object]]]:
        """Whether ready, and each check: `{"ok": bool, "required": bool, "reason": str | None}`."""
        reasons = await asyncio.gather(*(_reason(check) for check, _ in self.checks.values()))
        each: dict[str, dict[str, object]] = {
            name: {"ok": reason is None, "required": required, "reason": reason}
            for (name, (_, required)), reason in zip(self.checks.items(), reasons, strict=True)
        }
        if self.ending:
            each["process"] = {"ok": False, "required": True, "reason": "ending"}
        return all(row["ok"] or not row["required"] for row in each.values()), each


async def _reason(check: Check) -> str | None:
    try:
        async with asyncio.timeout(TIMEOUT):
            return await check()
    except TimeoutError:
        return f"no answer within {TIMEOUT:g} s"
    except Exception as error:  # noqa: BLE001  whatever a check raises is its reason; the text may name hosts or people and stays inside
        return type(error).__name__

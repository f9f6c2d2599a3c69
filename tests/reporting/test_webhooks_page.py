"""Does docs/webhooks.md say how it is? Its receiver is run, and its settings, routes and numbers are those of the code."""

import asyncio
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import asyncpg
from crm_events.language.contacts import ContactDetailsChanged
from crm_reporting.app import ROUTERS
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks import courier, outcomes, planning, posting, subscription
from crm_reporting.webhooks.process import WebhooksProcess
from crm_reporting.webhooks.secret import Secrets
from prometheus_client import CollectorRegistry
from reporting_story import Story

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
SOON = 60.0


async def test_the_receiver_in_ten_lines_takes_what_is_sent(settings: ReportingSettings, connection: asyncpg.Connection, story: Story) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    allowed = settings.model_copy(update={"webhook_allowed_networks": ("127.0.0.0/8",), "webhook_retry_seconds": 0.1})
    secrets = Secrets(settings.master_key_bytes)
    async with connection.transaction():
        wanted = subscription.Wanted(f"http://127.0.0.1:{port}/", ["contact.*"])
        made, secret = await subscription.create(connection, secrets, wanted, after=0, by="agent:7")
        told = await secrets.tell(connection, made, secret)
    person = await story.person()
    changed = story.teller.tell(ContactDetailsChanged(language="fa"), person)
    await story.project([changed])
    stop, environment = asyncio.Event(), {**os.environ, "SECRET": str(told), "PORT": str(port)}
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    sending = asyncio.create_task(WebhooksProcess(allowed, CollectorRegistry()).run(stop))
    try:
        assert receiver.stdout is not None
        lines = [(await asyncio.wait_for(receiver.stdout.readline(), SOON)).decode().split() for _ in range(2)]
    finally:
        stop.set()
        await sending
        receiver.kill()
        await receiver.wait()
    assert [line[1:] for line in lines] == [["contact.registered", str(person)], ["contact.details_changed", str(person)]]
    assert lines[1][0] == str(changed.event_id)


def test_the_page_names_every_setting_and_route_there_is() -> None:
    assert set(re.findall(r"`(WEBHOOK_\w+)`", PAGE)) == {name.upper() for name in ReportingSettings.model_fields if name.startswith("webhook_")}
    there = {(method, route.path) for router in ROUTERS for route in _routes(router) for method in route.methods if route.path.startswith("/v1/webhooks")}
    assert len(there) == 10
    rows = [line for line in PAGE.splitlines() if line.startswith(("| `", "curl"))]
    for method, path in there - {("POST", "/v1/webhooks")}:
        end = path.rpartition("/")[2].replace("{webhook_id}", "{id}").replace("{delivery_id}", "{delivery}")
        assert any(method in row and end in row for row in rows), (method, path)
    assert any("$REPORTING_URL/v1/webhooks" in row for row in rows)


def test_the_pages_numbers_are_the_codes() -> None:
    defaults = {name: field.default for name, field in ReportingSettings.model_fields.items()}
    for number, told in (
        (defaults["webhook_seconds"], "time to answer (15)"), (defaults["webhook_retry_seconds"], "second attempt (5)"),
        (defaults["webhook_patience_hours"], "disabled (120)"), (defaults["webhook_log_days"], "kept (30)"), (outcomes.ATTEMPTS, "An event that 16 attempts"),
        (subscription.MOST, "At most 100 subscriptions"), (planning.MOST_WAITING, "at most 5,000 events"), (posting.READ // 1024, "64 KiB"),
    ):  # fmt: skip
        assert told in PAGE and f"{number:,g}".replace(".0", "") in told
    assert (outcomes.AT_MOST, outcomes.PROBE, courier.ABREAST) == (6 * 3600, 3600, 8)


def _routes(router: Any) -> Any:
    return [route for route in router.routes if hasattr(route, "methods")]

"""Is everything that was acknowledged there, once, when processes are killed under load?"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from crm_local.parts import PARTS
from crm_local.stack import Stack
from front_end import Client, token
from programs import run

CUSTOMERS, WRITERS = 6, 3


class Load:
    """Writers that record interactions one after another and remember what was acknowledged, until told to stop."""

    def __init__(self, stack: dict[str, str]) -> None:
        self.client = Client(stack)
        people = [self.client.post("contacts", "/v1/contacts", {"kind": "person", "name": f"زیر بار {n}"}) for n in range(CUSTOMERS)]
        self.acknowledged: dict[str, list[tuple[str, str]]] = {answer.json()["id"]: [] for answer in people}
        self._stop, self._failed = threading.Event(), list[BaseException]()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(WRITERS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self._threads)
        if self._failed:
            raise self._failed[0]

    def more(self, count: int) -> None:
        """Return once so many more writes were acknowledged."""
        wanted = self.count + count
        while self.count < wanted and not self._failed:
            for thread in self._threads:
                thread.join(0.02)

    @property
    def count(self) -> int:
        return sum(map(len, self.acknowledged.values()))

    def _write(self, number: int) -> None:
        try:
            for customer in itertools.cycle(list(self.acknowledged)[number::WRITERS]):
                if self._stop.is_set():
                    return
                body = {"channel": "web", "direction": "inbound", "text": "بار"}
                answer = self.client.until_done("contacts", f"/v1/contacts/{customer}/interactions", body)
                self.acknowledged[customer].append((answer.json()["id"], token(answer)))
        except BaseException as error:
            self._failed.append(error)


@pytest.fixture
def load(stack: dict[str, str]) -> Iterator[Load]:
    made = Load(stack)
    yield made
    made.client.close()


def kill(backbone: Stack, name: str) -> None:
    pid = backbone.running(next(part for part in PARTS if part.name == name)).process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(20)


def told(load: Load, customer: str) -> list[str]:
    """The interactions of the customer's timeline, as often as they are there."""
    seen, cursor = [], ""
    while True:
        page = load.client.get("reporting", f"/v1/customers/{customer}/timeline?types=interaction.recorded&limit=200{cursor}")
        seen += [item["data"]["interaction_id"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={page['next']}"


def everything_is_there_once(load: Load) -> None:
    for customer, acknowledged in load.acknowledged.items():
        view = load.client.view(customer, *(each for _, each in acknowledged[-3:]))
        assert view["contact"]["interactions"] == len(acknowledged), customer
        assert sorted(told(load, customer)) == sorted(identity for identity, _ in acknowledged)


def test_a_writer_and_every_process_of_reporting_killed_under_load_lose_and_double_nothing(backbone: Stack, load: Load) -> None:
    with load:
        for name in ("contacts", "projector", "composer", "reporting", "contacts", "projector"):
            load.more(20)
            kill(backbone, name)
            backbone.up()
        load.more(20)
    assert load.client.retried > 0, "the kills were felt"
    everything_is_there_once(load)
    verified = run(backbone, "contacts", "verify")
    assert verified.returncode == 0, verified.stdout
    reconciled = run(backbone, "reporting", "reconcile")
    assert reconciled.returncode == 0, reconciled.stdout


def test_writes_go_on_while_the_broker_is_frozen_and_are_seen_when_it_wakes(backbone: Stack, load: Load) -> None:
    broker = psutil.Process(backbone.kafka().pid)
    with load:
        load.more(10)
        broker.suspend()
        try:
            until = time.monotonic() + 60
            while "events wait" not in load.client.send("contacts", "GET", "/readyz").text:  # a publication under way has failed
                assert time.monotonic() < until
                load.more(10)
            assert load.client.send("contacts", "GET", "/healthz").status_code == 200
        finally:
            broker.resume()
        load.more(10)
    everything_is_there_once(load)


def test_a_database_that_is_away_is_told_as_503_and_nothing_is_lost(backbone: Stack, load: Load, stack: dict[str, str]) -> None:
    customer = next(iter(load.acknowledged))
    with load:
        load.more(10)
        backbone.postgres().stop()
        try:
            answer = load.client.send("contacts", "POST", f"/v1/contacts/{customer}/notes", {"text": "x"})
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/dependency-unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            ready = load.client.send("contacts", "GET", "/readyz")
            assert ready.status_code == 503 and "database" in ready.text
        finally:
            backbone.up()
        load.more(10)
    everything_is_there_once(load)


def test_the_read_model_is_made_again_while_writes_and_reads_go_on(backbone: Stack, load: Load) -> None:
    reads, failed, stop = [0], list[Any](), threading.Event()

    def read() -> None:
        reader = Client(stack_of(load))
        while not stop.is_set():
            answer = reader.send("reporting", "GET", f"/v1/customers/{next(iter(load.acknowledged))}")
            reads[0] += 1
            if answer.status_code != 200:
                failed.append(answer.text)
        reader.close()

    def stack_of(load: Load) -> dict[str, str]:
        around = backbone.surroundings()
        return {f"{name.upper()}_URL": around.addresses.url(name) for name in ("contacts", "tickets", "loyalty", "reporting")} | {"TOKEN": load.client.bearer}

    with load:
        load.more(10)
        reading = threading.Thread(target=read)
        reading.start()
        done = run(backbone, "reporting", "rebuild")
        load.more(10)
        stop.set()
        reading.join(20)
    assert done.returncode == 0 and "is active" in done.stdout, done.stdout + done.stderr
    assert reads[0] > 0 and failed == []
    everything_is_there_once(load)

"""How does the whole backbone come up on one machine, and go down again?"""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from crm_events import topics

from crm_local import addresses, databases, issuing
from crm_local.addresses import Addresses
from crm_local.failures import CannotStart
from crm_local.kafka import Kafka
from crm_local.keyring import keyring
from crm_local.parts import BEFORE_START, PARTS, RECONCILER, SERVICES, VAULT, Part
from crm_local.postgres import Postgres
from crm_local.processes import Detached, alone
from crm_local.room import require_folder
from crm_local.running import Running
from crm_local.telling import Surroundings, environment, program

T = TypeVar("T")
_TRIES = 3
_OWNERS = (*SERVICES, VAULT)


@dataclass(frozen=True, slots=True)
class Stack:
    """The backbone in one data directory. `say` gets a line for a person at each step.

    `given_postgres` (a superuser's URL) and `given_kafka` (bootstrap servers) are used instead of servers of its own.
    """

    data_dir: Path
    say: Callable[[str], None] = lambda line: None
    given_postgres: str | None = None
    given_kafka: str | None = None

    def up(self, *, fresh_ports: bool = False) -> Surroundings:
        """Start what does not run, restart what runs old code or settings, and return when all of it is ready. Raises CannotStart."""
        require_folder(self.data_dir, "The stack")
        with alone(self.data_dir / "stack.lock"):
            around = self._ground(addresses.choose(self.data_dir, fresh=fresh_ports))
            for attempt in range(1, _TRIES + 1):
                stale = [part for part in PARTS if not self.running(part).current(environment(part, around))]
                try:
                    self._renew(stale, around)
                except CannotStart:
                    chosen = around.addresses
                    lost = [part.name for part in PARTS if self.running(part).lost(chosen.ports[part.name])]
                    if not lost or not chosen.fresh or attempt == _TRIES:
                        raise
                    around = self._at(chosen.moved(lost), around.server_url, around.bootstrap)
                else:
                    break
            return around

    def down(self) -> None:
        """Stop every process of the stack, those that serve before those they stand on; data stays."""
        with alone(self.data_dir / "stack.lock"):
            _each(lambda part: self.running(part).process.stop(), PARTS)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda server: server.stop(), (self.postgres(), self.kafka())))
            addresses.forget(self.data_dir)

    def surroundings(self) -> Surroundings:
        """Return what a process of the running stack needs. Raises CannotStart if the stack is down."""
        chosen = addresses.known(self.data_dir)
        if chosen is None:
            raise CannotStart("The stack is down: make up.")
        return self._at(chosen, self.given_postgres or self.postgres().url, self.given_kafka or self.kafka().url)

    def running(self, part: Part) -> Running:
        """Return the part as it is in this data directory."""
        return Running(part, self.data_dir)

    def postgres(self, port: int | None = None) -> Postgres:
        """Return the stack's own PostgreSQL."""
        return Postgres(self.data_dir / "postgres", port)

    def kafka(self, port: int | None = None) -> Kafka:
        """Return the stack's own Kafka."""
        return Kafka(self.data_dir / "kafka", port)

    def _ground(self, wanted: Addresses) -> Surroundings:
        """Start the servers, unless others are given, with databases and topics in them."""
        fixed = {name: None if wanted.fresh else wanted.ports[name] for name in ("postgres", "kafka")}
        with ThreadPoolExecutor(2) as pool:
            starting = pool.submit(self._postgres_url, fixed["postgres"]), pool.submit(self._bootstrap, fixed["kafka"])
            server_url, bootstrap = (start.result() for start in starting)
        around = self._at(wanted, server_url, bootstrap)
        asyncio.run(_furnish(around))
        return around

    def _at(self, chosen: Addresses, server_url: str, bootstrap: str) -> Surroundings:
        addresses.keep(self.data_dir, chosen)
        ring = keyring(self.data_dir, [*(owner.database for owner in _OWNERS), RECONCILER.role])
        return Surroundings(server_url, bootstrap, issuing.public_keys(self.data_dir), ring, chosen)

    def _postgres_url(self, port: int | None) -> str:
        if self.given_postgres:
            self.say("PostgreSQL: the one of DATABASE_URL.")
            return self.given_postgres
        server = self.postgres(port)
        server.start()
        self.say(f"PostgreSQL: ready on 127.0.0.1:{server.listening}.")
        return server.url

    def _bootstrap(self, port: int | None) -> str:
        if self.given_kafka:
            self.say("Kafka: the one of KAFKA_BOOTSTRAP_SERVERS.")
            return self.given_kafka
        broker = self.kafka(port)
        broker.start()
        self.say(f"Kafka: ready on {broker.url}.")
        return broker.url

    def _renew(self, stale: list[Part], around: Surroundings) -> None:
        _each(lambda part: self.running(part).process.stop(), stale)
        _each(lambda name: self._migrate(name, around), sorted({part.service for part in stale}))
        started = {part.name: self.running(part).start(environment(part, around)) for part in stale}

        def await_ready(part: Part) -> None:
            running = self.running(part)
            process: Detached = started.get(part.name) or running.process
            running.await_ready(process, around.addresses.url(part.name))
            self.say(f"{part.name}: {'started' if part.name in started else 'runs'}, ready: {around.addresses.url(part.name)}/readyz")

        _each(await_ready, PARTS)

    def _migrate(self, service: str, around: Surroundings) -> None:
        part = next(part for part in PARTS if part.service == service)
        log = self.data_dir / "logs" / f"{service}-migrate.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("")
        for words in BEFORE_START.get(service, (("migrate",),)):
            done = subprocess.run(
                [program(service), *words], env=environment(part, around), cwd=self.data_dir, capture_output=True, text=True, stdin=subprocess.DEVNULL
            )
            with log.open("a") as file:
                file.write(done.stdout + done.stderr)
            if done.returncode:
                raise CannotStart(f"`{service} {' '.join(words)}` failed (exit code {done.returncode}), see {log}:\n{(done.stdout + done.stderr)[-2000:]}")


def _each(act: Callable[[T], None], over: Sequence[T]) -> None:
    """Do it for each at once; the first failure is raised when all are done."""
    with ThreadPoolExecutor(max(1, len(over))) as pool:
        list(pool.map(act, over))


async def _furnish(around: Surroundings) -> None:
    await asyncio.gather(
        databases.provide(around.server_url, _OWNERS, around.ring.passwords, RECONCILER),
        topics.declare(around.bootstrap),
    )

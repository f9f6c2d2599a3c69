"""How is one process cut off from PostgreSQL or Kafka, each alone, one direction alone, while all addresses stay what they were?

The process runs in a network namespace of its own. There 127.0.0.1 is the namespace's own, but for the servers' ports: those are routed over a veth pair to
the machine's 127.0.0.1, so one TCP connection goes from end to end, as it does between two machines. What is to be lost is sorted by port into a class whose
queue swallows everything: towards the servers on the inner end of the pair, from them on the outer.

    namespace: process ── 127.0.0.1:5432 ──▶ inner ═══ veth ═══ outer ──▶ 127.0.0.1:5432 of the machine
                          10.231.x.2:8001 ◀──────────────────────────────── clients
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from chaos.needs import Missing

Direction = Literal["to", "from"]  # the server


@dataclass(slots=True)
class Network:
    """The namespace of one process. `ports`: the servers it may be cut off from, by name. Used as a context: nothing of it stays behind."""

    ports: Mapping[str, int]
    name: str = field(default_factory=lambda: f"chaos{os.getpid()}{secrets.token_hex(2)}")
    inside: str = ""
    _outside: str = ""
    _faults: list[tuple[Direction, str]] = field(default_factory=list)

    def __enter__(self) -> "Network":
        require()
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for words in (["ip", "link", "del", self._outer], ["ip", "netns", "del", self.name]):
            subprocess.run(words, capture_output=True)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before a command that is to run inside; it becomes the command, with the same process id."""
        return ("ip", "netns", "exec", self.name)

    def loses(self, server: str, *directions: Direction) -> None:
        """From now on what goes in these directions (none named: both) never arrives."""
        self._faults += [(direction, f"ip {_end(direction)} {self.ports[server]} 0xffff") for direction in directions or ("to", "from")]
        self._apply()

    def forgets(self, client_ports: list[int]) -> None:
        """Nothing that a server says on these connections arrives any more, not even that they are gone: what is between has forgotten them."""
        self._faults += [("from", f"ip dport {port} 0xffff") for port in client_ports]
        self._apply()

    def heals(self) -> None:
        """Everything arrives again."""
        self._faults.clear()
        self._apply()

    @property
    def _outer(self) -> str:
        return f"v{self.name[5:]}"  # an interface's name has at most 15 letters

    def _make(self) -> None:
        self._outside, self.inside = _unused()
        inner = f"{self._outer}i"
        self._ip("netns", "add", self.name)
        self._ip("link", "add", self._outer, "type", "veth", "peer", "name", inner, "netns", self.name)
        self._ip("addr", "add", f"{self._outside}/30", "dev", self._outer)
        self._ip("link", "set", self._outer, "up")
        Path(f"/proc/sys/net/ipv4/conf/{self._outer}/route_localnet").write_text("1")
        for words in (
            ["addr", "add", f"{self.inside}/30", "dev", inner],
            ["link", "set", inner, "up"],
            ["link", "set", "lo", "up"],
            ["route", "add", "127.0.0.1/32", "via", self._outside, "dev", inner, "src", self.inside, "table", "42"],
            ["rule", "add", "pref", "50", "lookup", "local"],
            *(["rule", "add", "pref", "10", "to", "127.0.0.1", "ipproto", "tcp", "dport", str(port), "lookup", "42"] for port in self.ports.values()),
            ["rule", "del", "pref", "0"],  # the table of the machine's own addresses is asked after ours
        ):
            self._ip("-n", self.name, *words)
        _run(*self.prefix, "sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{inner}/route_localnet")

    def _apply(self) -> None:
        for direction in ("to", "from"):
            before, device = (self.prefix, f"{self._outer}i") if direction == "to" else ((), self._outer)
            subprocess.run([*before, "tc", "qdisc", "del", "dev", device, "root"], capture_output=True)
            lost = [match for side, match in self._faults if side == direction]
            if not lost:
                continue
            _run(*before, "tc", "qdisc", "add", "dev", device, "root", "handle", "1:", "htb")
            _run(*before, "tc", "class", "add", "dev", device, "parent", "1:", "classid", "1:1", "htb", "rate", "1gbit", "quantum", "60000")
            _run(*before, "tc", "qdisc", "add", "dev", device, "parent", "1:1", "blackhole")
            for match in lost:
                _run(
                    *before,
                    "tc",
                    "filter",
                    "add",
                    "dev",
                    device,
                    "parent",
                    "1:",
                    "protocol",
                    "ip",
                    "prio",
                    "1",
                    "u32",
                    "match",
                    *match.split(),
                    "flowid",
                    "1:1",
                )

    def _ip(self, *words: str) -> None:
        _run("ip", *words)


def require() -> None:
    """Raise Missing if this machine has no way to make a network."""
    if os.geteuid() != 0:
        raise Missing("root, to make a network namespace")
    for program in ("ip", "tc"):
        if shutil.which(program) is None:
            raise Missing(f"the program `{program}` (Debian: iproute2)")
    trial = f"chaos{os.getpid()}try"
    try:
        for words in (
            ["ip", "netns", "add", trial],
            ["ip", "-n", trial, "link", "add", "trial", "type", "veth", "peer", "name", "other"],
            ["ip", "netns", "exec", trial, "tc", "qdisc", "add", "dev", "trial", "root", "handle", "1:", "htb"],
            ["ip", "netns", "exec", trial, "tc", "class", "add", "dev", "trial", "parent", "1:", "classid", "1:1", "htb", "rate", "1gbit", "quantum", "60000"],
            ["ip", "netns", "exec", trial, "tc", "qdisc", "add", "dev", "trial", "parent", "1:1", "blackhole"],
        ):
            made = subprocess.run(words, capture_output=True, text=True)
            if made.returncode:
                raise Missing(f"a kernel with network namespaces, veth, sch_htb and sch_blackhole (`{' '.join(words)}`: {made.stderr.strip()})")
    finally:
        subprocess.run(["ip", "netns", "del", trial], capture_output=True)


def _end(direction: Direction) -> str:
    return "dport" if direction == "to" else "sport"


def _unused() -> tuple[str, str]:
    """Two addresses of a /30 that no route of this machine knows."""
    known = subprocess.run(["ip", "-4", "route", "show", "root", "10.231.0.0/16"], capture_output=True, text=True).stdout
    while True:
        start = f"10.231.{secrets.randbelow(256)}.{4 * secrets.randbelow(64)}"
        if f"{start}/30" not in known:
            head, _, last = start.rpartition(".")
            return f"{head}.{int(last) + 1}", f"{head}.{int(last) + 2}"


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")

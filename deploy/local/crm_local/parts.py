"""Which processes make up the backbone, and which databases do they own?"""

from dataclasses import dataclass

POSTGRES_PORT = 15432
KAFKA_PORT = 19092


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its database's connection limit (all of them together stay below PostgreSQL's 200) and what its code is made of."""

    name: str
    connections: int

    @property
    def database(self) -> str:
        """The name of its database and of the role that owns it."""
        return f"crm_{self.name}"

    @property
    def packages(self) -> tuple[str, ...]:
        """The import packages whose files, when changed, make a running process an old one."""
        return (f"crm_{self.name}", "crm_chassis", "crm_events")


@dataclass(frozen=True, slots=True)
class Part:
    """One long-running process of a service; `port` is where it answers `/readyz`, told to it as `port_setting`."""

    name: str
    service: str
    role: str
    port: int
    port_setting: str = "PORT"


SERVICES = (
    Service("contacts", connections=30),
    Service("tickets", connections=30),
    Service("loyalty", connections=30),
    Service("reporting", connections=60),
)
VAULT = Service("vault", connections=40)  # a database every service asks for the keys of personal data


@dataclass(frozen=True, slots=True)
class Reader:
    """A role that owns nothing and may only read these databases."""

    role: str
    connections: int
    reads: tuple[Service, ...]


RECONCILER = Reader("crm_reconciler", 4, SERVICES[:3])  # with which reporting compares the writers' stores with what it received


PARTS = (
    Part("contacts", "contacts", "api", 8001),
    Part("tickets", "tickets", "api", 8002),
    Part("loyalty", "loyalty", "api", 8003),
    Part("reporting", "reporting", "api", 8004),
    Part("projector", "reporting", "projector", 9004, "METRICS_PORT"),
    Part("composer", "reporting", "composer", 9005, "METRICS_PORT"),
    Part("webhooks", "reporting", "webhooks", 9006, "METRICS_PORT"),
)

# What a service does before its processes start. A read model that an older release folded is made again, compared and switched to.
BEFORE_START = {"reporting": (("migrate",), ("rebuild", "--if-needed"))}


def service(name: str) -> Service:
    """Return the service of that name."""
    return next(service for service in SERVICES if service.name == name)

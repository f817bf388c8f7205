"""The plan of a run, as one process gives it to another: the cluster's address, the shops of the run, and their keys.

It holds keys, so a file of it may be read by its owner alone. Knows neither locust nor a socket.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from loadtests.core.place import Place
from loadtests.core.profiles import PROFILES, Course, Size

# The variables by which locust's process is told where they are.
PLAN, OUTCOME = "BELLWIRE_LOAD_PLAN", "BELLWIRE_LOAD_OUTCOME"
# The address and the port of its figures, as `127.0.0.1:9646`; absent: none are served.
METRICS = "BELLWIRE_LOAD_METRICS"


@dataclass(frozen=True, slots=True)
class Shop:
    """One test tenant. `cashier` is the key of a terminal that is never connected."""

    slug: str
    storefront_key: str
    cashier: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A run, or a worker's share of it.

    `watched` is the shop whose orders nobody acks; `clients` are terminals for the SDK's machine.
    """

    url: str
    run: str
    profile: str
    size: Size
    shops: tuple[Shop, ...]
    watched: Shop | None = None
    probes: tuple[Place, ...] = ()
    crowd: tuple[Place, ...] = ()
    clients: tuple[Place, ...] = ()
    webhooks: tuple[str, ...] = ()
    webhook_url: str | None = None
    ca_file: str | None = None
    service_level_ms: float = 100.0
    worker: int = 0

    @property
    def course(self) -> Course:
        """Its stages and acts."""
        return PROFILES[self.profile].course(self.size)

    @property
    def all_shops(self) -> tuple[Shop, ...]:
        """Every test tenant of the run."""
        return (*self.shops, *([self.watched] if self.watched else []))

    def part(self, name: str) -> str:
        """The name of a part of the load test, where there are several workers with one of these each."""
        return f"{name}-{self.worker}" if self.worker else name

    def share(self, number: int, of: int) -> "Plan":
        """The part of worker `number`: its terminals, and every shop; probes and webhooks are the first one's."""
        first = number == 0
        return replace(
            self,
            worker=number + 1,
            crowd=self.crowd[number::of],
            clients=self.clients[number::of],
            probes=self.probes if first else (),
            webhooks=self.webhooks if first else (),
        )

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON takes it."""
        return asdict(self)

    @classmethod
    def of(cls, content: dict[str, Any]) -> Self:
        """The plan that `as_json` wrote."""

        def places(name: str) -> tuple[Place, ...]:
            return tuple(Place(**each) for each in content[name])

        return cls(
            **{
                **content,
                "size": Size(**content["size"]),
                "shops": tuple(Shop(**each) for each in content["shops"]),
                "watched": Shop(**content["watched"]) if content["watched"] else None,
                "probes": places("probes"),
                "crowd": places("crowd"),
                "clients": places("clients"),
                "webhooks": tuple(content["webhooks"]),
            }
        )

    def write(self, path: Path) -> None:
        """Write it, for its owner alone."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(self.as_json(), file)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it."""
        return cls.of(json.loads(path.read_text(encoding="utf-8")))

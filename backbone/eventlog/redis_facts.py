"""Each Redis or Valkey server's own words about itself, for `bellwire doctor`; nothing is changed or judged."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from backbone.eventlog.node import connect
from backbone.eventlog.topology import Topology
from backbone.runtime.clock_skew import clock_skew
from backbone.runtime.redis_url import Address
from backbone.runtime.settings import PodSettings

SECONDS = 3.0
SETTINGS = ("maxmemory", "maxmemory-policy", "client-output-buffer-limit")


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """One server that holds data. `trouble` is why it could not be asked; the rest then says nothing.

    `settings` are its own by name, None where it forbids CONFIG. `skew_seconds` is its clock less ours.
    """

    address: str
    trouble: str | None = None
    info: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] | None = None
    skew_seconds: float = 0.0
    trip_seconds: float = 0.0
    cluster_state: str | None = None


async def look_at_redis(settings: PodSettings) -> list[RedisFacts]:
    """Ask every server that has slots. An empty list: no Sentinel, or no node of the cluster, told where they are."""
    topology = Topology(settings)
    try:
        await topology.ready()
        servers = sorted(topology.slot_map.servers, key=str)
        return [
            await _ask(settings, topology.url_of(server), server, clustered=topology.clustered)
            for server in servers
        ]
    finally:
        await topology.close()


async def _ask(settings: PodSettings, url: str, server: Address, *, clustered: bool) -> RedisFacts:
    client = connect(settings, url)
    try:
        async with asyncio.timeout(SECONDS):
            skew, trip = await clock_skew(lambda: _now(client))
            return RedisFacts(
                address=str(server),
                info=await client.info(),
                settings=await _settings(client),
                skew_seconds=skew,
                trip_seconds=trip,
                cluster_state=await _cluster_state(client) if clustered else None,
            )
    except AuthenticationError:
        return RedisFacts(str(server), "it does not take this user or password")
    except TimeoutError:
        return RedisFacts(str(server), f"it did not answer within {SECONDS:g} s")
    except (RedisError, OSError) as exc:
        return RedisFacts(str(server), f"{type(exc).__name__}: {str(exc).partition(chr(10))[0]}")
    finally:
        await client.aclose()


async def _now(client: Redis) -> float:
    seconds, microseconds = await client.time()
    return seconds + microseconds / 1e6


async def _settings(client: Redis) -> dict[str, str] | None:
    try:
        return {name: str((await client.config_get(name)).get(name, "")) for name in SETTINGS}
    except RedisError:
        # Managed servers, and roles of a careful operator, have no CONFIG.
        return None


async def _cluster_state(client: Redis) -> str:
    # Two words, so that the library leaves the answer as it is.
    answer = await client.execute_command("CLUSTER", "INFO")
    text = answer.decode() if isinstance(answer, bytes) else str(answer)
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return lines.get("cluster_state", "unknown")

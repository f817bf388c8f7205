"""The fates of Valkey and of the way to it: without memory, on a full disk, promoted too early, parted, late.

Each act ends with the cluster's own Valkey in its place and the wires well.
"""

import heapq
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from chaos.tcp import Direction
from chaos.town import FaultMissed, Town, pause
from chaos.wire import Wire
from infra.local.counters import read_total
from infra.local.ports import free_port
from infra.local.valkey import Valkey
from infra.local.waiting import wait_until
from infra.local.workdir import Workdir

PUBLISHED, FAILED = "bellwire_events_published_total", "failed"
DISK_BYTES = 3_000_000
JUNK_BYTES = 100_000
# A gateway that stands still for longer is taken for dead by the load balancer, which is another row.
STANDSTILL_SECONDS = 2.5
CANARY, LIVE = "bellwire:{{canary:{}}}:live", "bellwire:{{{}}}:signed"
MOST_LATE_SECONDS = 0.3
LINK_SECONDS = 10.0


@contextmanager
def must_fail(town: Town) -> Iterator[None]:
    """Publishes must fail meanwhile, or nothing was broken."""
    doors = [pod.url for pod in town.cluster.apis]
    before = read_total(doors, PUBLISHED, outcome=FAILED)
    yield
    if read_total(doors, PUBLISHED, outcome=FAILED) == before:
        raise FaultMissed("every event could be published")


@contextmanager
def instead(town: Town, server: Valkey) -> Iterator[Valkey]:
    """Another Valkey in the place of the cluster's own."""
    server.start()
    wires = (town.place.to_apis, town.place.to_gateways)
    try:
        for wire in wires:
            wire.lead_to(server.port)
        yield server
    finally:
        for wire in wires:
            wire.lead_to(town.valkey.port)
        server.stop()


def kill_with_log(town: Town, seconds: float) -> None:
    """`kill -9` of one that keeps its data."""
    with instead(town, Valkey(append_only=True)) as server:
        pause(seconds / 4)
        server.kill()
        pause(seconds / 4)
        server.start()
        pause(seconds / 2)


def no_memory(town: Town, seconds: float) -> None:
    """`maxmemory` of 1 MB, and nothing is evicted."""
    with Redis.from_url(town.valkey.url) as redis, must_fail(town):
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1mb")
        try:
            pause(seconds)
        finally:
            redis.config_set("maxmemory", "0")


def full_disk(town: Town, seconds: float) -> None:
    """A disk of 3 MB that is full: a tmpfs for root, a limit of a file's size for others."""
    with (
        Workdir("disk") as disk,
        instead(town, Valkey(append_only=True, folder=disk.path, wrapper=small_disk(disk.path))) as server,
        must_fail(town),
        Redis.from_url(server.url) as redis,
    ):
        with suppress(ResponseError):
            for number in range(2 * DISK_BYTES // JUNK_BYTES):
                redis.set(f"junk-{number}", os.urandom(JUNK_BYTES))
                pause(0.02)
        pause(seconds)


def small_disk(folder: Path) -> list[str]:
    """The words before a command that make `folder`, or each file in it, small."""
    if os.geteuid() != 0:
        # Without the signal the write fails, as it does on a full disk.
        return ["env", "--ignore-signal=XFSZ", "prlimit", f"--fsize={DISK_BYTES}"]
    # Mounted for that process alone: it goes when the process goes, however that happens.
    mount = f'mount -t tmpfs -o size={DISK_BYTES} tmpfs "$0" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, str(folder)]


def full_output_buffer(town: Town, seconds: float) -> None:
    """A gateway stands still for a moment, so that Valkey cuts its subscription for an output buffer over 1 MB."""
    frozen = town.cluster.gateways[0]
    with Redis.from_url(town.valkey.url) as redis:
        redis.config_set("client-output-buffer-limit", "pubsub 1mb 1mb 1")
        before = len(redis.client_list(_type="pubsub"))
        ends = time.monotonic() + STANDSTILL_SECONDS
        frozen.send(signal.SIGSTOP)
        try:
            # Its own canary's channel: it takes that for a canary, however large.
            while (is_cut := len(redis.client_list(_type="pubsub")) < before) is False:
                if time.monotonic() > ends:
                    break
                redis.execute_command("SPUBLISH", CANARY.format(frozen.name), b"x" * 5 * JUNK_BYTES)
                pause(0.01)
        finally:
            frozen.send(signal.SIGCONT)
            redis.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")
    pause(seconds)
    if not is_cut:
        raise FaultMissed("no subscription was cut for its output buffer")


def promote_replica(town: Town, seconds: float) -> None:
    """A replica that stopped following two seconds ago takes over, twice: there and back."""
    replica = Valkey(options=["--repl-diskless-sync-delay", "0"], port=free_port())
    leash = Wire(town.valkey.port)
    leash.start()
    replica.start()
    try:
        with Redis.from_url(replica.url) as redis:
            redis.execute_command("REPLICAOF", "127.0.0.1", leash.port)
            if not wait_until(lambda: redis.info("replication")["master_link_status"] == "up", LINK_SECONDS):
                raise FaultMissed("the replica did not follow")
            pause(seconds / 4)
            leash.silence()
            pause(2)
            town.valkey.kill()
            redis.execute_command("REPLICAOF", "NO", "ONE")
            for wire in (town.place.to_apis, town.place.to_gateways):
                wire.lead_to(replica.port)
            pause(seconds / 2)
        town.valkey.start()
    finally:
        for wire in (town.place.to_apis, town.place.to_gateways):
            wire.lead_to(town.valkey.port)
        replica.stop()
        leash.stop()


def part(direction: Direction = "both") -> Callable[[Town, float], None]:
    """Gateways and Valkey do not hear each other, or one of them does not, and nobody is told."""

    def act(town: Town, seconds: float) -> None:
        town.place.to_gateways.silence(direction)
        try:
            pause(seconds)
            if any(read_total([pod.url], "bellwire_redis_up") for pod in town.cluster.gateways):
                raise FaultMissed("a gateway still trusts its Redis")
        finally:
            town.place.to_gateways.mend()

    return act


def cut(town: Town, seconds: float) -> None:
    """Gateways and Valkey get resets instead of answers."""
    town.place.to_gateways.reset()
    pause(seconds)
    town.place.to_gateways.mend()


def publish_late(town: Town, seconds: float) -> None:
    """Events that API pods publish are under way for up to 300 ms, so one pod's events overtake the other's."""
    town.place.to_apis.delay(MOST_LATE_SECONDS, town.chance)
    pause(seconds)
    town.place.to_apis.delay(0, town.chance)


def publish_twice(town: Town, seconds: float) -> None:
    """Everything that is announced is announced twice more, each time late by up to 300 ms, in any order."""
    over = threading.Event()
    said: list[int] = []
    thread = threading.Thread(
        target=lambda: said.append(echo(town.valkey.url, town.tenants, over, town.chance))
    )
    thread.start()
    pause(seconds)
    over.set()
    thread.join(LINK_SECONDS)
    if not said or not said[0]:
        raise FaultMissed("nothing was said again")


def echo(url: str, tenants: Sequence[str], over: threading.Event, chance: random.Random) -> int:
    """Say what is said to these tenants twice more until it is over; returns how much that was."""
    seen: set[bytes] = set()
    due: list[tuple[float, int, bytes, bytes]] = []
    count = 0
    with suppress(RedisError), Redis.from_url(url) as redis, redis.pubsub() as heard:
        heard.ssubscribe(*(LIVE.format(tenant) for tenant in tenants))
        while not over.is_set() or due:
            message = None if over.is_set() else heard.get_message(timeout=0.01)
            if message is not None and message["type"] == "smessage" and message["data"] not in seen:
                seen.add(message["data"])
                for _ in range(2):
                    moment = time.monotonic() + chance.uniform(0, MOST_LATE_SECONDS)
                    heapq.heappush(due, (moment, len(due), message["channel"], message["data"]))
            while due and due[0][0] <= time.monotonic():
                _, _, channel, data = heapq.heappop(due)
                redis.execute_command("SPUBLISH", channel, data)
                count += 1
    return count

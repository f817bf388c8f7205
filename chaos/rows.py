"""The faults, one row each: what is broken for about `seconds`, on real processes with real signals.

An `act` begins with a whole cluster and ends when what it broke is whole or on its way to be. Anything else that is
special about a row is an argument of `bellwire verify`.
"""

import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

from chaos.postgres_rows import promote_standby, restart_postgres
from chaos.readers import BadReaders
from chaos.redis_rows import (
    cut,
    full_disk,
    full_output_buffer,
    kill_with_log,
    no_memory,
    part,
    promote_replica,
    publish_late,
    publish_twice,
)
from chaos.town import FaultMissed, Town, pause
from infra.local.counters import read_total
from infra.local.pods import Pod

Act = Callable[[Town, float], None]
FREEZE_SECONDS = 10.0
PARTED_SECONDS, PERIOD_SECONDS = 2.0, 10.0
SLOW_READERS = 20
CUT_AS_SLOW = "bellwire_gateway_slow_closed_total"


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. `seconds` is the least it needs; `network`: terminals come through the network that can be broken."""

    name: str
    act: Act
    seconds: float = 10.0
    network: bool = False
    load: tuple[str, ...] = ()


def nothing(_: Town, seconds: float) -> None:
    pause(seconds)


def kill_pods(pods: Callable[[Town], list[Pod]]) -> Act:
    """`kill -9` them by turns, each when the one before is back and has work; one in four seconds at most."""

    def act(town: Town, seconds: float) -> None:
        for turn in range(max(1, round(seconds / 4))):
            victims = pods(town)
            town.renew(victims[turn % len(victims)], signal.SIGKILL)
            town.await_balanced()
            pause(1)

    return act


def kill_after_commit(town: Town, seconds: float) -> None:
    """An API pod dies between commit and publish, again and again."""
    pod = town.cluster.apis[0]
    town.renew(pod, signal.SIGTERM, BELLWIRE_FAULT="after_commit:kill:0.3")
    town.await_balanced()
    pause(seconds)
    pod.configure(BELLWIRE_FAULT="")
    pod.kill()


def freeze_gateway(town: Town, seconds: float) -> None:
    pod = town.chance.choice(town.cluster.gateways)
    pod.send(signal.SIGSTOP)
    pause(min(seconds, FREEZE_SECONDS))
    pod.send(signal.SIGCONT)


def kill_valkey(town: Town, seconds: float) -> None:
    town.valkey.kill()
    pause(seconds / 2)
    town.valkey.start()
    pause(seconds / 2)


def freeze_valkey(town: Town, seconds: float) -> None:
    town.valkey.send(signal.SIGSTOP)
    pause(min(seconds, FREEZE_SECONDS))
    town.valkey.send(signal.SIGCONT)


def flush_valkey(town: Town, seconds: float) -> None:
    for _ in range(round(seconds)):
        with socket.create_connection(("127.0.0.1", town.valkey.port), timeout=2) as link:
            link.sendall(b"FLUSHALL\r\n")
            link.recv(16)
        pause(1)


def restart_load_balancer(town: Town, seconds: float) -> None:
    town.load_balancer.stop()
    town.load_balancer.start()
    pause(seconds / 2)


def slow_readers(town: Town, seconds: float) -> None:
    """At the gateways' own doors: behind the load balancer its buffers would read for them."""
    doors = [pod.url for pod in town.cluster.gateways]
    before = read_total(doors, CUT_AS_SLOW)
    readers = BadReaders(town.cluster.url, doors, town.cluster.operator_key, town.hot, SLOW_READERS)
    readers.read(seconds)
    readers.close()
    if read_total(doors, CUT_AS_SLOW) == before:
        raise FaultMissed("no reader was too slow for its gateway")


def half_open(town: Town, seconds: float) -> None:
    for _ in range(2):
        town.network.abandon(0.3)
        pause(seconds / 2)


def network_drops(town: Town, seconds: float) -> None:
    """Two seconds in ten without a network; half of the connections survive it."""
    for _ in range(max(1, round(seconds / PERIOD_SECONDS))):
        town.network.silence()
        pause(PARTED_SECONDS)
        town.network.mend(cut=0.5)
        pause(PERIOD_SECONDS - PARTED_SECONDS)


def roll(pods: Callable[[Town], list[Pod]]) -> Act:
    """Each is told to stop and comes back, one after the other, as a deployment does it."""

    def act(town: Town, _: float) -> None:
        for pod in pods(town):
            town.renew(pod, signal.SIGTERM)
            town.await_well()

    return act


def sweep(point: str, pods: Callable[[Town], list[Pod]]) -> Act:
    """Some pods have each kind of fault at one named point, one kind after the other."""

    def act(town: Town, seconds: float) -> None:
        for action, chance in (("raise", 0.3), ("delay", 0.5), ("stop", 0.05), ("kill", 0.1)):
            # Frozen perhaps, by the action before; and a pod without traffic passes no point.
            for pod in pods(town):
                town.renew(pod, signal.SIGKILL, BELLWIRE_FAULT=f"{point}:{action}:{chance}")
            town.await_balanced()
            pause(seconds / 4)
        for pod in pods(town):
            pod.configure(BELLWIRE_FAULT="")
            pod.kill()

    return act


def apis(town: Town) -> list[Pod]:
    return town.cluster.apis


def gateways(town: Town) -> list[Pod]:
    return town.cluster.gateways


def first_api(town: Town) -> list[Pod]:
    # One of them: with all at fault there would be nobody to answer.
    return town.cluster.apis[:1]


# Where each named fault point is; the names are those of the pods' own table, which a test compares.
POINTS = {
    "before_write": first_api,
    "after_commit": first_api,
    "before_publish": first_api,
    "after_publish": first_api,
    "before_alarm": first_api,
    "after_alarm": first_api,
    "webhook_answered": first_api,
    "webhook_moved": first_api,
    "subscribed": gateways,
    "read": gateways,
    "appended": gateways,
    "mid_send": gateways,
    "ack_before_persist": gateways,
}

ROWS = {
    row.name: row
    for row in (
        Row("nothing", nothing, 6),
        Row("api-kill", kill_pods(apis), 8),
        Row("api-kill-after-commit", kill_after_commit, 10),
        Row("gateway-kill", kill_pods(gateways), 8),
        Row("gateway-freeze", freeze_gateway),
        Row("valkey-kill", kill_valkey, 6),
        Row("valkey-kill-aof", kill_with_log, 8),
        Row("valkey-freeze", freeze_valkey),
        Row("valkey-flush", flush_valkey, 6),
        Row("valkey-memory", no_memory, 5),
        Row("valkey-disk", full_disk, 5),
        Row("valkey-buffer", full_output_buffer, 4),
        Row("valkey-promotion", promote_replica, 8),
        Row("partition-5s", part(), 5),
        Row("partition-30s", part(), 30),
        Row("partition-to-valkey", part("to_server"), 5),
        Row("partition-to-gateways", part("to_client"), 5),
        Row("partition-resets", cut, 5),
        Row("publishes-late", publish_late, 6),
        Row("publishes-twice", publish_twice, 6),
        Row("postgres-fast", restart_postgres(signal.SIGINT), 5),
        Row("postgres-immediate", restart_postgres(signal.SIGQUIT), 5),
        Row("postgres-kill", restart_postgres(signal.SIGKILL), 5),
        Row("postgres-promotion", promote_standby, 16),
        Row("haproxy-restart", restart_load_balancer, 6),
        Row("slow-readers", slow_readers, 16, load=("--hot-rate", "40")),
        Row("half-open", half_open, 16, network=True, load=("--reconnect", "0")),
        Row("network-drops", network_drops, 20, network=True, load=("--reconnect", "0")),
        Row("network-drops-5min", network_drops, 300, network=True, load=("--reconnect", "0")),
        Row("joins", nothing, 80, load=("--hot-rate", "50", "--joins", "2000")),
        Row("rolling-restart", roll(lambda town: town.cluster.pods), 40),
        Row("rolling-apis", roll(apis), 16),
        Row("handler-crash", nothing, 6, load=("--crash", "0.05")),
        *(Row(f"point-{point}", sweep(point, pods), 8) for point, pods in POINTS.items()),
    )
}
# The rows that the tests run: one of each family, together well within a minute and a half. Name and seconds.
SHORT = {"valkey-kill": 6.0, "gateway-kill": 4.0, "rolling-apis": 14.0}

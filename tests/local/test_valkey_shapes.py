"""Sentinels and a cluster of our own: whole when `start` returns, nothing left when we are gone."""

import subprocess
import sys

import redis

from infra.local.valkey_cluster import ValkeyCluster
from infra.local.valkey_sentinel import Sentinels
from infra.local.waiting import wait_until
from tests.conftest import ROOT
from tests.local.processes import all_gone, children


def test_a_cluster_is_whole_when_start_returns_and_a_slot_moves_with_its_keys() -> None:
    cluster = ValkeyCluster()
    cluster.start()
    try:
        assert cluster.whole()
        assert len(cluster.primaries()) == 3
        home = cluster.owner("{tenant}")
        assert [node for node in cluster.shard("{tenant}") if node is home] == [home]
        with redis.Redis(port=home.port) as client:
            client.set("{tenant}:key", "value")
        target = next(node for node in cluster.primaries() if node is not home)
        cluster.move_slot("{tenant}", target)
        assert cluster.owner("{tenant}") is target
        with redis.Redis(port=target.port) as client:
            assert client.get("{tenant}:key") == b"value"
    finally:
        cluster.stop()
    assert not any(node.alive for node in cluster.nodes)


def test_sentinels_put_the_replica_in_the_place_of_a_killed_primary() -> None:
    sentinels = Sentinels()
    sentinels.start()
    try:
        first = sentinels.primary
        assert first is sentinels.servers[0]
        first.kill()
        assert wait_until(lambda: sentinels.primary is sentinels.servers[1], 30)
    finally:
        sentinels.stop()


def test_they_die_with_whoever_started_them() -> None:
    program = (
        "import time\n"
        "from infra.local.valkey_sentinel import Sentinels\n"
        "Sentinels().start()\n"
        "print('up', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        pids = children(parent.pid)
        assert len(pids) == 5
        parent.kill()
        assert all_gone(pids, 10)

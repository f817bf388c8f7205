"""How tests are shared out between lanes: a file at a time, those that take longest first.

A lane is a process of pytest-xdist with servers of its own. It takes the next file when it is nearly done with one, so
a long file that came last would run alone while the other lane has nothing left. Knows files, not what is in them.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
LONGEST = (
    "upgrade/test_side_by_side.py",
    "faults/test_redis.py",
    "local/test_demo.py",
    "chaos/test_short.py",
    "conformance/test_autobahn.py",
    "redis_shapes/test_cluster.py",
    "redis_shapes/test_sentinel.py",
    "failover/test_failover.py",
    "benchmarks/test_fanout.py",
    "endtoend/test_doors.py",
    "endtoend/test_verify.py",
    "endtoend/test_cluster.py",
    "receipts/test_day.py",
    "api/test_schema.py",
    "api/test_webhooks.py",
    "gateway/test_messages.py",
    "gateway/test_malformed.py",
    "api/test_exactly_once.py",
    "k8s/test_manifests.py",
    "api/test_migrations.py",
    "upgrade/test_adopt.py",
    "local/test_haproxy.py",
    "gateway/test_workers.py",
    "gateway/test_stream.py",
    "api/test_away.py",
    "endtoend/test_canary.py",
)
"""Files that take more than a quarter of a minute, the longest first; a wrong place costs time alone."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their file's place in `LONGEST`; all others stay behind them, in the order they had."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))

"""How tests are shared out between lanes: a file at a time, those that take longest first.

A lane is a process of pytest-xdist with servers of its own. It takes the next file when it is nearly done with one, so
a long file that came last would run alone while the other lane has nothing left. Knows files, not what is in them.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
LONGEST = (
    "local/test_haproxy_versions.py",
    "upgrade/test_alarms.py",
    "local/test_demo.py",
    "upgrade/test_side_by_side.py",
    "endtoend/test_verify.py",
    "faults/test_redis.py",
    "forgery/test_forger.py",
    "api/test_exactly_once.py",
    "conformance/test_autobahn.py",
    "chaos/test_short.py",
    "local/test_haproxy.py",
    "api/test_bounds.py",
    "loadtests/test_faults.py",
    "api/test_schema.py",
    "benchmarks/test_fanout.py",
    "endtoend/test_libraries.py",
    "alarms/test_killed.py",
    "endtoend/test_strangers.py",
    "receipts/test_day.py",
    "api/test_migrations.py",
    "api/test_epochs.py",
    "redis_shapes/test_sentinel.py",
    "gateway/test_malformed.py",
    "api/test_away.py",
    "failover/test_failover.py",
    "gateway/test_fanout.py",
    "command/test_one_sentence.py",
    "endtoend/test_doors.py",
    "local/test_haproxy_drain.py",
    "local/test_haproxy_cells.py",
    "endtoend/test_browser.py",
    "gateway/test_messages.py",
    "api/test_webhooks.py",
    "redis_shapes/test_cluster.py",
    "endtoend/test_canary.py",
    "api/test_auth_matrix.py",
    "gateway/test_workers.py",
    "endtoend/test_cluster.py",
    "k8s/test_manifests.py",
    "upgrade/test_adopt.py",
    "gateway/test_stream.py",
)
"""Files that take more than a quarter of a minute, the longest first; a wrong place costs time alone."""


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by their file's place in `LONGEST`; all others stay behind them, in the order they had."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))

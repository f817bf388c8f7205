"""A run passes when nothing failed and the promise was kept, and in no other case."""

import pytest

from loadtests import marker
from loadtests.cluster import Cluster
from loadtests.demo import Demo, Shop
from loadtests.gate import Figures, complaints, report

GOOD = Figures(requests=1000, failures=0, seen=500, p50_ms=6.0, p99_ms=40.0)


def test_a_clean_run_within_the_limit_passes() -> None:
    assert complaints(GOOD, 100) == []
    assert report(GOOD, 100).startswith("PASSED: 500 times")


def test_a_p99_at_the_limit_passes_and_over_it_fails() -> None:
    assert complaints(Figures(10, 0, 10, 5.0, 100.0), 100) == []
    assert complaints(Figures(10, 0, 10, 5.0, 101.0), 100) == [
        "p99 from order to till is 101 ms, over 100 ms"
    ]


def test_one_failure_in_a_thousand_fails_the_run() -> None:
    assert len(complaints(Figures(1000, 1, 500, 6.0, 40.0), 100)) == 1


def test_a_run_in_which_nothing_was_seen_proves_nothing_and_fails() -> None:
    assert "nothing was measured" in report(Figures(1000, 0, 0, None, None), 100)


@pytest.mark.parametrize("sent_ns", [0, 1_763_800_000_000_000_000])
def test_an_order_carries_the_moment_it_was_sent(sent_ns: int) -> None:
    assert marker.elapsed_ms(marker.stamp(sent_ns), sent_ns + 12_500_000) == 12.5


@pytest.mark.parametrize("instructions", [None, "", "no onions", 5, "load-test sent-ns=soon"])
def test_an_order_of_somebody_else_is_not_measured(instructions: object) -> None:
    assert marker.elapsed_ms(instructions, 1) is None


def test_orders_are_measured_when_all_users_are_there_and_have_settled() -> None:
    cluster = Cluster(Demo("http://x", "bw_op_x", ()))
    assert not cluster.measuring(now=1e9)
    cluster.spawned(now=100.0)
    assert not cluster.measuring(now=101.9)
    assert cluster.measuring(now=102.0)


def test_a_till_is_owed_the_newest_offset_of_its_own_shop() -> None:
    kitchen, bistro = Shop("kitchen", "", ""), Shop("bistro", "", "")
    cluster = Cluster(Demo("http://x", "bw_op_x", (kitchen, bistro)))
    cluster.placed(kitchen, "1-7")
    cluster.placed(kitchen, "1-6")
    assert cluster.owed(kitchen) == "1-7"
    assert cluster.owed(bistro) is None


def test_each_kind_of_user_is_spread_over_all_shops() -> None:
    kitchen, bistro = Shop("kitchen", "", ""), Shop("bistro", "", "")
    cluster = Cluster(Demo("http://x", "bw_op_x", (kitchen, bistro)))
    tills = []
    for _ in range(4):
        cluster.next_shop("storefront")
        tills.append(cluster.next_shop("terminal").slug)
    assert tills == ["kitchen", "bistro", "kitchen", "bistro"]

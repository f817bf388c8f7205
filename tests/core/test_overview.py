"""Figures of the whole are the sum of what pods say; a pod that begins anew, or comes new, adds nothing made up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.overview import PodRow, Window, percentile, pod_document, top_shops
from api.core.traffic import SECONDS, SHOPS_A_SECOND, Traffic


def row(pod: str = "gateway-1", kind: str = "gateway", since: str = "a", **said: Any) -> PodRow:
    age = said.pop("age", 0.3)
    wanted = said.pop("wanted", False)
    return PodRow(kind, pod, "0.2.0", since, age, said, wanted, None)


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (PodRow("gateway", "old", None, None, 1.0, None, False, None), "known"),
        (row(age=2.6), "silent"),
        (row(missing=["PostgreSQL"]), "waiting"),
        (row(missing=[]), "ready"),
        (row(draining=True, connections={"websocket": 2}), "draining"),
        (row(wanted=True, connections={"websocket": 0}), "drained"),
        (row(kind="api", draining=True), "draining"),
    ],
)
def test_the_state_of_a_pod_is_what_it_says_and_how_long_ago(one: PodRow, state: str) -> None:
    window = Window()
    window.look(0.0, [one])
    assert pod_document(one, window, known=True)["state"] == state
    assert pod_document(one, window, known=False)["state"] == "unknown"


def test_rates_are_of_ten_seconds_and_of_what_grew() -> None:
    window = Window()
    assert window.rate("deliveries") == 0.0
    assert window.delivery() == {"count": 0, "p50": None, "p99": None}
    for second in range(20):
        window.look(second, [row(deliveries=1000 + 50 * second), row("other", deliveries=7)])
    assert window.rate("deliveries") == 50.0
    assert window.rate("deliveries", ("gateway", "gateway-1")) == 50.0
    assert window.rate("deliveries", ("gateway", "other")) == 0.0
    # It began anew, and starts at what it says then; another one comes with a past of its own.
    window.look(20, [row(since="b", deliveries=3), row("third", deliveries=10**6)])
    assert window.rate("deliveries") == pytest.approx(45.3, abs=0.1)


def test_the_minute_forgets_what_is_older_and_leaves_out_what_was_not() -> None:
    window = Window()
    for second in range(200):
        window.look(second, [row(closed={"1000": second, "4408": 0}, replayed={"ring": 5})])
    assert window.minute("closed.") == {"1000": 60}
    assert window.minute("replayed.") == {}


def test_delivery_times_are_those_of_the_buckets() -> None:
    window = Window()
    bounds = [0.01, 0.1]
    window.look(0, [row(bounds=bounds, delivery=[5, 5, 0])])
    window.look(1, [row(bounds=bounds, delivery=[105, 5, 0])])
    assert window.delivery() == {"count": 100, "p50": 5.0, "p99": 9.9}


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.floats(0.01, 0.99))
def test_a_percentile_lies_in_the_bucket_in_which_that_part_is_reached(
    counts: list[int], part: float
) -> None:
    bounds = (0.01, 0.1, 1.0)
    found = percentile(bounds, counts, part)
    if not sum(counts):
        assert found is None
        return
    assert found is not None
    below = sum(count for bound, count in zip(bounds, counts, strict=False) if 1000 * bound < found)
    within = sum(count for bound, count in zip((0, *bounds), counts, strict=False) if 1000 * bound <= found)
    assert below <= sum(counts) * part + 1e-6
    assert within >= min(sum(counts) * part, sum(counts[:3])) - 1e-6 - max(counts)


def test_the_busiest_shops_are_added_up_over_pods_that_are_there() -> None:
    rows = [
        row("a", "api", shops={"kitchen": 3, "bistro": 9}),
        row("b", "api", shops={"kitchen": 8}),
        row("c", "api", shops={"gone": 100}, age=9.0),
        PodRow("gateway", "old", None, None, 1.0, None, False, None),
    ]
    assert top_shops(rows) == [
        {"tenant": "kitchen", "eventsPerMinute": 11},
        {"tenant": "bistro", "eventsPerMinute": 9},
    ]


def test_traffic_is_of_the_last_minute_and_bounded() -> None:
    traffic = Traffic()
    for second in range(SECONDS + 1):
        traffic.count("kitchen")
        traffic.count("kitchen")
        if second == 0:
            traffic.count("once")
        traffic.turn()
    assert traffic.top(5) == {"kitchen": 2 * SECONDS}
    for number in range(SHOPS_A_SECOND + 50):
        traffic.count(f"shop-{number}")
    traffic.turn()
    assert len(traffic.top(10**6)) == SHOPS_A_SECOND + 1

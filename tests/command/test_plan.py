"""`bellwire plan`: more load never needs less, each part may lose one, and each cost stands in the page of figures."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.settings import ApiSettings
from backbone.runtime.settings import PodSettings
from bellwire.plan import allowances, costs
from bellwire.plan.load import MOST_ORDERS, MOST_TERMINALS, Load, WrongLoad
from bellwire.plan.sizing import MOST_CELLS, plan
from gateway.settings import GatewaySettings
from tests.command.test_command import called

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("API", "gateway", "HAProxy", "PostgreSQL", "Redis")

ORDERS = st.just(0.0) | st.floats(0.001, MOST_ORDERS)
LOADS = st.builds(
    lambda terminals, orders, a_tenant, events: Load.asked(
        terminals, orders, max(1, round(terminals / a_tenant)), events
    ),
    st.integers(1, MOST_TERMINALS),
    ORDERS,
    st.floats(1, 20_000),
    st.floats(1, 8),
)
MORE = st.floats(1, 3)


@given(LOADS, MORE, MORE)
def test_more_terminals_or_more_orders_never_need_less(load: Load, terminals: float, orders: float) -> None:
    larger = Load(
        load.terminals * terminals, load.orders_per_second * orders, load.tenants, load.events_an_order,
        load.peak_hours, load.retention_days,
    )  # fmt: skip
    few, many = plan(load), plan(larger)
    assert many.cells >= few.cells
    for name in ("API", "gateway", "HAProxy", "PostgreSQL"):
        assert many.total(name) >= few.total(name)
        assert many.cells * many.part(name).busy >= few.cells * few.part(name).busy * (1 - 1e-9)
    # Of a Redis Cluster there are three shards at least, so that two cells without one may have fewer servers.
    if many.cells == few.cells:
        assert many.total("Redis") >= few.total("Redis")
        # HAProxy's cores are those that sockets leave it: with one more of them each may be smaller.
        for name in ("API", "gateway", "PostgreSQL", "Redis"):
            assert many.total(name) * many.part(name).cores >= few.total(name) * few.part(name).cores


@given(LOADS)
def test_of_each_part_one_may_die(load: Load) -> None:
    made = plan(load)
    least = dict.fromkeys(PARTS, 2) | {"PostgreSQL": 3}
    for part in made.parts:
        assert part.count >= least[part.name]
        assert part.cores >= 1
        assert part.memory_gb > 0
        if part.name in ("API", "gateway", "HAProxy") and not made.impossible:
            # The others are half busy at most when one of them is gone.
            assert part.busy <= (part.count - 1) * part.cores * allowances.BUSY + 1e-9


@given(LOADS)
def test_cells_are_as_few_as_limits_allow_and_a_full_one_is_halved(load: Load) -> None:
    made = plan(load)
    assert made.cells.bit_count() == 1
    assert made.cells <= max(1, load.tenants)
    if made.cells > 1:
        before = plan(Load(load.terminals / made.cells * 2, load.orders_per_second / made.cells * 2,
                           load.tenants / made.cells * 2, load.events_an_order))  # fmt: skip
        assert before.cells > 1 or before.impossible
    if made.impossible and made.cells < MOST_CELLS:
        assert made.cells * 2 > load.tenants or not any(limit.cell for limit in made.impossible)


@given(st.integers(1, MOST_TERMINALS), ORDERS)
def test_within_what_was_measured_ordinary_shops_can_always_be_carried(terminals: int, orders: float) -> None:
    made = plan(Load.asked(terminals, orders))
    shops = max(1, terminals / 5)
    # A shop of fifty orders a second is no ordinary one.
    assert not made.impossible or orders / shops > 50


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"terminals": 0}, "--terminals must be between 1 and 1,000,000, not 0"),
        ({"terminals": MOST_TERMINALS + 1}, "--terminals"),
        ({"orders_per_second": -1.0}, "--orders-per-second must be between 0 and 10,000, not -1"),
        ({"orders_per_second": math.nan}, "not nan"),
        ({"orders_per_second": math.inf}, "not inf"),
        ({"tenants": 0}, "--tenants"),
        ({"tenants": 101}, "--tenants 101 is more than --terminals 100"),
        ({"events_an_order": 0.5}, "--events-per-order"),
        ({"peak_hours": 25.0}, "--peak-hours"),
        ({"retention_days": 0.0}, "--retention-days"),
    ],
)
def test_what_cannot_be_planned_is_said(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(WrongLoad) as refused:
        Load.asked(**{"terminals": 100, "orders_per_second": 1.0, **asked})
    assert word in str(refused.value)


@pytest.mark.parametrize(
    "name", [name for name, value in vars(costs).items() if isinstance(value, costs.Cost)]
)
def test_each_cost_stands_in_the_page_of_figures(name: str) -> None:
    cost: costs.Cost = getattr(costs, name)
    assert cost.said in (ROOT / costs.SOURCE).read_text()
    figures = [float(word) for word in _numbers(cost.said)]
    assert any(
        math.isclose(cost.value * scale, figure, rel_tol=0.05)
        for scale in (1, 1e6, 1e-3)
        for figure in figures
    )


def _numbers(text: str) -> list[str]:
    return [
        word
        for word in "".join(c if c in "0123456789." else " " for c in text.replace(",", "")).split()
        if word != "."
    ]


def test_allowances_are_what_settings_and_the_balancer_say() -> None:
    def default(settings: type[PodSettings], name: str) -> Any:
        return settings.model_fields[name].default

    assert default(PodSettings, "stream_events") == allowances.STREAM_EVENTS
    assert default(GatewaySettings, "ring_events") == allowances.RING_EVENTS
    assert default(GatewaySettings, "heartbeat_seconds") == allowances.HEARTBEAT_SECONDS
    assert default(GatewaySettings, "database_connections") == allowances.GATEWAY_CONNECTIONS
    writes, reads = default(ApiSettings, "write_connections"), default(ApiSettings, "read_connections")
    assert writes + reads + 6 == allowances.API_CONNECTIONS
    assert default(ApiSettings, "tenant_terminals") == allowances.TENANT_TERMINALS
    balancer = (ROOT / "infra" / "haproxy" / "haproxy.cfg").read_text()
    assert f"fd-hard-limit {allowances.HAPROXY_FILES}" in balancer
    assert f"server-template gateway- 1-{allowances.SLOTS} " in balancer
    assert f"server-template api- 1-{allowances.SLOTS} " in balancer
    assert 2 * allowances.HAPROXY_SOCKETS < allowances.HAPROXY_FILES


async def test_the_command_tells_people_and_programs() -> None:
    code, text, _ = await called("plan", "--terminals", "100000", "--orders-per-second", "200")
    assert code == 0
    assert text.startswith(
        "100,000 terminals of 20,000 tenants, 200 orders/s: 800 events/s, 4,000 deliveries/s\n1 cell"
    )
    for name in PARTS:
        assert f"\n{name} " in text
    code, text, _ = await called("plan", "--terminals", "1000000", "--orders-per-second", "10000", "--json")
    document = json.loads(text)
    assert (code, document["possible"]) == (0, True)
    assert document["cells"] > 1
    code, text, _ = await called("plan", "--terminals", "10", "--tenants", "1", "--orders-per-second", "4000")
    assert code == 1
    assert "IMPOSSIBLE  one tenant's orders" in text
    code, _, said = await called("plan", "--terminals", "0", "--orders-per-second", "1")
    assert (code, said) == (1, "Error: --terminals must be between 1 and 1,000,000, not 0\n")

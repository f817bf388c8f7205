"""A short selection of `make chaos`: the load of `bellwire verify`, real faults, and not one promise broken."""

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest

from chaos.place import Place
from chaos.rows import ROWS, SHORT
from chaos.runner import Scale, run_row
from infra.local.plan import Plan

pytestmark = pytest.mark.timeout(300)

LONG_SECONDS = 10.0
SCALE = Scale(tenants=4, terminals=4, rate=20.0)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Place(Plan(gateway_pods=2)) as place:
        yield place


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (seconds > LONG_SECONDS))
        for name, seconds in SHORT.items()
    ],
)
async def test_no_promise_is_broken_and_no_answer_fails(
    place: Place, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    row = dataclasses.replace(ROWS[name], seconds=SHORT[name])
    # One for all rows: each goes on from what the one before left.
    estate = tmp_path_factory.getbasetemp() / "estate.json"
    result = await asyncio.to_thread(run_row, place, row, 1, SCALE, estate)
    assert result.violations == 0, result.examples
    assert result.events > 50
    assert result.deliveries > result.events
    assert (result.http_5xx, result.no_answer) == (0, 0)

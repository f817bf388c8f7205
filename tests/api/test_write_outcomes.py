"""The answers of the database's writing functions are those that the routes can say, and no others."""

import re

import asyncpg
import pytest

from api.db.writes import WriteOutcome
from api.http.answer import Refusals
from api.routes.gift_cards import REDEEM_REFUSALS, REFUND_REFUSALS, TOP_UP_REFUSALS, VOID_REFUSALS
from api.routes.loyalty import CHANGE_REFUSALS
from api.routes.order_money import PAY_REFUSALS
from api.routes.order_money import REFUND_REFUSALS as REFUND_ORDER_REFUSALS
from api.routes.orders import PLACE_REFUSALS, STATUS_REFUSALS

# A new writing function goes here, with the refusals that its route answers with.
REFUSALS: dict[str, Refusals] = {
    "take_order": PLACE_REFUSALS,
    "step_order": STATUS_REFUSALS,
    "pay_order": PAY_REFUSALS,
    "refund_order": REFUND_ORDER_REFUSALS,
    "sell_gift_card": {},
    "use_gift_card": REDEEM_REFUSALS,
    "refund_gift_card": REFUND_REFUSALS,
    "top_up_gift_card": TOP_UP_REFUSALS,
    "void_gift_card": VOID_REFUSALS,
    "change_points": CHANGE_REFUSALS,
}
CALLED_BY_OLDER_PODS = {
    "place_order": "take_order", "change_order_status": "step_order", "change_loyalty": "change_points",
    "redeem_gift_card": "use_gift_card",
}  # fmt: skip
"""Names that only pods of the release before call: each is a thin call of another one."""
OF_EVERY_WRITE = {WriteOutcome.STILL_RUNNING, WriteOutcome.KEY_REUSED, WriteOutcome.ANSWERS_FULL}
"""Answered by the committer, for all of them."""

_KEPT = re.compile(r"idempotency_keep\(\s*p_tenant,\s*p_key,\s*p_fingerprint,\s*'(\w+)'")
_SET = re.compile(r"\.outcome\s*:=\s*'(\w+)'")


@pytest.fixture
async def sources(database_url: str) -> dict[str, str]:
    """Every function that answers a write, by name, all its overloads together."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT proname AS name, string_agg(prosrc, E'\n') AS source FROM pg_proc"
            " WHERE prorettype = 'write_result'::regtype GROUP BY proname"
        )
    finally:
        await connection.close()
    return {row["name"]: row["source"] for row in rows}


def outcomes_of(source: str) -> set[WriteOutcome]:
    """The outcomes that are written in a function's text; one that the enum does not have is a ValueError."""
    return {WriteOutcome(name) for name in (*_KEPT.findall(source), *_SET.findall(source))}


async def test_each_route_says_what_each_outcome_of_its_function_means(sources: dict[str, str]) -> None:
    check, keep = sources.pop("idempotency_check"), sources.pop("idempotency_keep")
    assert outcomes_of(check) == OF_EVERY_WRITE
    for name, called in CALLED_BY_OLDER_PODS.items():
        thin = sources.pop(name)
        assert re.search(rf"SELECT (\* FROM )?{called}\(", thin)
        assert outcomes_of(thin) == set()
    # It hands back what it is given.
    assert outcomes_of(keep) == set()
    assert sources.keys() == REFUSALS.keys()
    for name, source in sources.items():
        # Were an outcome computed, this test would not see it.
        assert len(_KEPT.findall(source)) == source.count("idempotency_keep("), name
        assert len(_SET.findall(source)) == len(re.findall(r"outcome\s*:=", source)), name
        assert outcomes_of(source) == {WriteOutcome.OK, *REFUSALS[name]}, name


async def test_no_outcome_is_known_that_the_database_never_answers(sources: dict[str, str]) -> None:
    assert set().union(*map(outcomes_of, sources.values())) == set(WriteOutcome)

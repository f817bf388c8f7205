"""The answer is one that the description names, whether the request is within the description or beside it.

schemathesis makes the requests from `/openapi.json`; a hook gives each the kind of key that its operation asks for and,
mostly, the names of a real shop, so that it comes behind the door.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from infra.local.pods import Pod
from tests.shop import Operator, Shop, bearer

CHECKS: list[Any] = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
PLACING = "POST /api/tenant/orders/create"
# Idle for so long without an event would be all that happens.
MAX_WAIT = 1
STREAMS = {"GET /api/operator/stream", "GET /api/tenant/{tenant}/trace"}
MOST_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Real:
    """Names in requests behind which there is something."""

    shop: Shop
    keys: dict[str, str]
    path: dict[str, str]


async def real_of(operator: Operator, shop: Shop) -> Real:
    order = await shop.order()
    card = await shop.sell_card()
    await shop.change_points("5551234", "add", 50)
    spare = await shop.add_terminal("spare")
    hook = await shop.http.post(
        shop.path("webhooks"),
        json={"url": "https://erp.example.com/bellwire"},
        headers=bearer(shop.storefront_key),
    )
    by_operator = bearer(operator.key)
    key = await shop.http.post(shop.path("keys"), json={"name": "spare"}, headers=by_operator)
    pairing = await shop.http.post(shop.path("pairings"), json={"name": "spare"}, headers=by_operator)
    claim = await shop.http.post(
        shop.path(f"orders/{order['orderId']}/claims"),
        json={"purpose": "print", "ttlSeconds": 3600},
        headers=bearer(shop.terminal_key),
    )
    assert claim.status_code == 200, claim.text
    keys = {
        "operatorKey": operator.key,
        "storefrontKey": shop.storefront_key,
        "terminalKey": shop.terminal_key,
    }
    names = {
        "tenant": shop.slug,
        "orderId": order["orderId"],
        "purpose": "print",
        "cardNumber": card["cardNumber"],
        "terminalId": spare.terminal_id,
        "webhookId": hook.json()["id"],
        "phone": "5551234",
        "keyId": key.json()["keyId"],
        "pairingId": pairing.json()["pairingId"],
        "gateway": "gateway-1",
    }
    return Real(shop, keys, names)


def prepare(case: Case[Any], real: Real, chance: Random) -> dict[str, str]:
    """Give a generated request real names, four times of five, and return the header with its key."""
    for name in case.path_parameters or {}:
        if chance.random() < 0.8 and case.path_parameters is not None:
            case.path_parameters[name] = real.path[name]
    if case.operation.label == PLACING and isinstance(case.body, dict) and chance.random() < 0.8:
        # Of these any other value is refused before what an order holds is looked at.
        case.body = {**case.body, "orderSource": "online"}
        for name in ("tenant", "totalAmount", "scheduledFor", "payments"):
            case.body.pop(name, None)
    query: dict[str, Any] = dict(case.query or {})
    if "wait" in query:
        query["wait"] = MAX_WAIT
        case.query = query
    if case.operation.label in STREAMS and str(query.get("seconds", MOST_SECONDS)).isdigit():
        case.query = {**query, "seconds": MAX_WAIT}
    kinds = [name for entry in case.operation.definition.raw["security"] for name in entry]
    return {"Authorization": f"Bearer {real.keys[chance.choice(kinds)]}"} if kinds else {}


def try_operation(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    real: Real,
    url: str,
    requests_each: int,
) -> list[int]:
    """Ask what there is to ask, and return the statuses of the answers."""
    statuses = []
    session = requests.Session()
    chance = Random(operation.label)

    @settings(
        # Each of a stream lasts a second.
        max_examples=5 if operation.label in STREAMS else requests_each,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        headers = prepare(case, real, chance)
        response = case.call(base_url=url, headers=headers, session=session, timeout=20)
        case.validate_response(response, checks=CHECKS)
        statuses.append(response.status_code)

    ask()
    return statuses


def operations_of(url: str) -> list[APIOperation[Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{url}/openapi.json").json())
    operations = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operations.append(found.ok())
    return operations


@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("default")
@pytest.mark.long
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_no_request_meets_a_fault_of_ours_or_an_answer_that_is_not_described(
    api_pod: Pod, operator: Operator, shop: Shop, mode: GenerationMode, pytestconfig: pytest.Config
) -> None:
    each: int = pytestconfig.getoption("--requests")
    real = await real_of(operator, shop)
    operations = operations_of(api_pod.url)
    statuses: dict[str, list[int]] = {}
    for operation in operations:
        try:
            statuses[operation.label] = try_operation(operation, mode, real, api_pod.url, each)
        except Exception as exc:
            if (
                type(exc).__name__ != "Unsatisfiable"
            ):  # nothing about a request without parameters can be wrong
                raise
    assert sum(len(asked) for asked in statuses.values()) >= each // 2 * len(statuses)
    # Not all of it was turned away at the door.
    behind = {label for label, asked in statuses.items() if any(status < 300 for status in asked)}
    refused = {label for label, asked in statuses.items() if any(status in (400, 422) for status in asked)}
    assert PLACING in (behind if mode is GenerationMode.POSITIVE else refused)
    assert len(behind if mode is GenerationMode.POSITIVE else refused) >= 10

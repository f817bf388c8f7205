"""Tenants: an operator opens a shop; its slug is its name for ever."""

import asyncio
import uuid
from typing import Any

import pytest

from tests.shop import Operator, bearer


async def test_a_new_tenant_can_take_an_order_at_once(operator: Operator) -> None:
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    response = await operator.http.post(
        "/api/tenants", json={"slug": slug, "name": "The Shop"}, headers=bearer(operator.key)
    )
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"tenant", "storefrontKey"}
    assert answer["tenant"] == slug
    assert answer["storefrontKey"].startswith("bw_store_")
    status = await operator.http.get(f"/api/tenant/{slug}/status", headers=bearer(answer["storefrontKey"]))
    assert status.json()["head"] == "1-0"


async def test_a_slug_is_given_once_even_to_many_at_once(operator: Operator) -> None:
    slug = f"shop-{uuid.uuid4().hex[:8]}"
    answers = await asyncio.gather(
        *(
            operator.http.post("/api/tenants", json={"slug": slug, "name": "x"}, headers=bearer(operator.key))
            for _ in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"] == "urn:bellwire:problem:tenant-exists"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["name", "slug"]),
        ({"slug": "UPPER", "name": "x"}, ["slug"]),
        ({"slug": "-a", "name": "x"}, ["slug"]),
        ({"slug": "a" * 64, "name": "x"}, ["slug"]),
        ({"slug": "a\n", "name": "x"}, ["slug"]),
        ({"slug": "küche", "name": "x"}, ["slug"]),
        ({"slug": "ok", "name": ""}, ["name"]),
        ({"slug": 5, "name": 5, "plan": "gold"}, ["name", "plan", "slug"]),
    ],
)
async def test_wrong_fields_are_named(operator: Operator, body: dict[str, Any], wrong: list[str]) -> None:
    response = await operator.http.post("/api/tenants", json=body, headers=bearer(operator.key))
    assert response.status_code == 422
    assert sorted(error["loc"] for error in response.json()["errors"]) == wrong

"""Shops that are in a hurry, and who takes their webhooks."""

import uuid
from collections.abc import Iterator

import pytest

from tests.api.sink import Sink, open_sink
from tests.shop import Operator, Shop, bearer


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A server that takes webhooks."""
    with open_sink() as found:
        yield found


async def hasty(operator: Operator, seconds: int) -> Shop:
    """A shop with one terminal and a short deadline."""
    slug = f"shop-{uuid.uuid4().hex[:12]}"
    body = {"slug": slug, "name": "Hasty", "ackDeadlineSeconds": seconds}
    answer = await operator.http.post("/api/tenants", json=body, headers=bearer(operator.key))
    assert answer.status_code == 201, answer.text
    shop = Shop(operator.http, slug, answer.json()["storefrontKey"], operator.key)
    await shop.add_terminal("counter")
    return shop

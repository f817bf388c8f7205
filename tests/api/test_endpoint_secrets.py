"""The secrets from which webhooks' own are derived are changed: no shop meets a signature that it cannot verify."""

import asyncio
import uuid

import httpx
import pytest

from api.core.secret_ring import SecretRing, id_of
from api.core.signing import Signing
from api.db.operator_keys import create_operator_key
from api.webhooks.endpoint_secrets import EndpointSecrets
from api.webhooks.message import derive_secret
from backbone.contract.errors import Unavailable
from tests.api.endpoints import act, register, until, verified
from tests.api.sink import Sink
from tests.conftest import MakeDatabase, StartApiPod
from tests.shop import Operator, Shop

CARDS, NEW_CARDS = (
    "the secret of cards, as it was from the start",
    "the secret of cards that came after it, one day",
)
HOOKS = "a secret for webhooks alone, of a later day"
BEFORE = {"BELLWIRE_CARD_SECRET": CARDS}
AFTER = {
    "BELLWIRE_CARD_SECRET": NEW_CARDS, "BELLWIRE_CARD_SECRET_BEFORE": CARDS, "BELLWIRE_WEBHOOK_SECRET": HOOKS,
}  # fmt: skip


async def delivered(sink: Sink, shop: Shop, *secrets: str) -> list[bool]:
    """Place an order, and say which of these secrets its delivery is signed with."""
    count = len(sink.accepted)
    await shop.order()
    await until(lambda: len(sink.accepted) > count)
    return [verified(sink.accepted[-1], secret) for secret in secrets]


async def test_an_endpoint_keeps_its_secret_until_it_is_rotated_and_a_pod_without_it_signs_nothing(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase, sink: Sink
) -> None:
    url = await migrated_database()
    lines: list[str] = []
    old = start_api_pod({"BELLWIRE_DATABASE_URL": url, **BEFORE}, lines)
    new = start_api_pod({"BELLWIRE_DATABASE_URL": url, **AFTER})
    async with httpx.AsyncClient(base_url=old.url) as http, httpx.AsyncClient(base_url=new.url) as beside:
        shop = await Operator(http, await create_operator_key(url)).open_shop("hooked")
        endpoint = await register(shop, sink.url)
        first = endpoint["secret"]
        assert first == derive_secret(CARDS.encode(), uuid.UUID(endpoint["id"]), 1)
        for _ in range(4):
            # Whichever of the pods has the turn.
            assert await delivered(sink, shop, first) == [True]
        second = (await act(shop.at(beside), endpoint, "rotate")).json()["secret"]
        assert second == derive_secret(HOOKS.encode(), uuid.UUID(endpoint["id"]), 2)
        assert await delivered(sink, shop, first, second) == [True, True]
        ping = await act(shop.at(beside), endpoint, "test")
        assert ping.json()["outcome"] == "delivered"
        # The pod that does not have it says so, and leaves the endpoint to the other one.
        assert (await act(shop, endpoint, "test")).status_code == 503
        await asyncio.to_thread(new.stop, 10)
        count = len(sink.deliveries)
        await shop.order()
        await asyncio.sleep(2)
        assert len(sink.deliveries) == count
        again = start_api_pod({"BELLWIRE_DATABASE_URL": url, **AFTER})
        await until(lambda: len(sink.accepted) > count)
        assert [verified(sink.accepted[-1], secret) for secret in (first, second)] == [True, True]
        async with httpx.AsyncClient(base_url=again.url) as there:
            third = (await act(shop.at(there), endpoint, "rotate")).json()["secret"]
        assert await delivered(sink, shop, first, second, third) == [False, True, True]


RING = SecretRing(b"n" * 32, [b"o" * 32, b"f" * 32])
NEWEST, OLD, FIRST = RING.ids
ENDPOINT = uuid.UUID(int=7)


def of(secret: bytes, generation: int) -> str:
    return derive_secret(secret * 32, ENDPOINT, generation)


@pytest.mark.parametrize(
    ("signing", "expected"),
    [
        (Signing(1, False, NEWEST, None), [of(b"n", 1)]),
        (Signing(2, True, NEWEST, OLD), [of(b"n", 2), of(b"o", 1)]),
        (Signing(2, False, NEWEST, OLD), [of(b"n", 2)]),
        (Signing(3, True, None, None), [of(b"f", 3), of(b"f", 2)]),
        (Signing(2, True, FIRST, id_of(b"x" * 32)), [of(b"f", 2)]),
    ],
)
def test_what_signs_is_the_newest_secret_and_for_a_day_the_one_before_where_it_is_known(
    signing: Signing, expected: list[str]
) -> None:
    assert EndpointSecrets(RING).signers(ENDPOINT, signing) == expected


def test_a_message_is_not_signed_with_another_secret_than_its_shop_knows() -> None:
    with pytest.raises(Unavailable):
        EndpointSecrets(RING).signers(ENDPOINT, Signing(2, True, id_of(b"x" * 32), OLD))

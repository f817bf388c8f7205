"""A new till types a code and has a key: once, for ten minutes, and never by guessing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.pairing import ALPHABET, read_code, write_code
from api.pairing_guesses import A_SECOND_IN_ALL, WRONG, WRONG_SECONDS, PairingGuesses
from backbone.contract.address import counted_as
from backbone.contract.errors import TooMany
from infra.local.pods import Pod
from tests.conftest import OpenShop, StartApiPod, api_pod_of
from tests.shop import Shop, bearer


@pytest.fixture(scope="module")
def pod(pod_env: dict[str, str]) -> Iterator[Pod]:
    """A pod of this file's own: wrong codes count by address, and all tests have one."""
    pod = api_pod_of("pairing", pod_env, [])
    pod.start()
    pod.await_ready()
    yield pod
    pod.stop(10)


@pytest.fixture
async def shop(shop: Shop, pod: Pod) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=pod.url, timeout=30) as client:
        yield shop.at(client)


@given(st.integers(0, 2**40 - 1), st.randoms())
def test_a_code_is_read_however_it_is_typed(number: int, chance: Any) -> None:
    code = write_code(number)
    assert len(code) == 8
    assert set(code) <= set(ALPHABET)
    typed = code.replace("0", chance.choice("0Oo")).replace("1", chance.choice("1IiLl"))
    typed = "".join(chance.choice((symbol.lower(), symbol + "-")) for symbol in typed)
    assert read_code(typed) == code


@pytest.mark.parametrize(
    "text", ["", "1234567", "123456789", "1234567U", "1234 5678", "ÄBCDEFGH", "--------"]
)
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert read_code(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unix", False),
    ],
)
def test_an_ipv6_address_is_counted_by_its_64(one: str, other: str, same: bool) -> None:
    assert (counted_as(one) == counted_as(other)) is same


STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.floats(0, 200)), max_size=60)


@given(STEPS)
def test_no_address_is_answered_more_than_five_wrong_codes_in_its_ten_minutes(
    steps: list[tuple[str, bool, float]],
) -> None:
    now = 50.0
    guesses = PairingGuesses(lambda: now)
    wrong: dict[str, list[float]] = {"a": [], "b": []}
    for address, right, pause in steps:
        now += pause
        with suppress(TooMany), guesses.guess(address) as guess:
            guess.wrong = not right
            if guess.wrong:
                wrong[address].append(now)
    for moments in wrong.values():
        # Windows of an address begin with its first code and follow each other.
        for first, later in zip(moments, moments[WRONG * 2 :], strict=False):
            assert later - first >= WRONG_SECONDS - 1e-6


def test_so_many_wrong_codes_a_second_in_all_wherever_they_come_from() -> None:
    guesses = PairingGuesses(lambda: 0.0)
    answered = 0
    for number in range(100):
        with suppress(TooMany), guesses.guess(f"192.0.2.{number}") as guess:
            guess.wrong = True
            answered += 1
    assert answered == A_SECOND_IN_ALL


async def make(shop: Shop, key: str | None = None, **body: Any) -> httpx.Response:
    return await shop.http.post(
        shop.path("pairings"), json={"name": "till", **body}, headers=bearer(key or shop.operator_key)
    )


async def pair(http: httpx.AsyncClient, code: Any) -> httpx.Response:
    return await http.post("/api/terminals/pair", json={"code": code})


async def test_a_code_gives_one_terminal_its_key_however_many_type_it_at_once(shop: Shop) -> None:
    made = (await make(shop, role="kitchen")).json()
    assert {"pairingId", "code", "expiresAt"} <= set(made)
    listed = await shop.http.get(shop.path("pairings"), headers=bearer(shop.operator_key))
    assert [one["pairingId"] for one in listed.json()["pairings"]] == [made["pairingId"]]
    assert "code" not in listed.text.replace("pairingId", "")
    answers = await asyncio.gather(*(pair(shop.http, made["code"].lower()) for _ in range(4)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 404: 3}
    paired = next(answer for answer in answers if answer.status_code == 201).json()
    assert set(paired) == {"tenant", "terminalId", "name", "key"}
    assert (paired["tenant"], paired["name"]) == (shop.slug, "till")
    whoami = (await shop.http.get("/api/whoami", headers=bearer(paired["key"]))).json()
    assert (whoami["tenant"], whoami["terminalId"]) == (shop.slug, paired["terminalId"])
    one = await shop.http.get(shop.path(f"pairings/{made['pairingId']}"), headers=bearer(shop.operator_key))
    assert one.json()["terminalId"] == paired["terminalId"]


async def test_a_storefront_may_pair_with_a_key_made_for_that_and_with_no_other(
    shop: Shop, open_shop: OpenShop
) -> None:
    assert (await make(shop, shop.storefront_key)).status_code == 403
    key = (
        await shop.http.post(
            shop.path("keys"), json={"name": "app", "mayPair": True}, headers=bearer(shop.operator_key)
        )
    ).json()["key"]
    made = await make(shop, key)
    assert made.status_code == 201
    other = await open_shop()
    path = f"pairings/{made.json()['pairingId']}"
    for rest in (other.path(path), shop.path("pairings/00000000-0000-4000-8000-000000000000")):
        assert (await shop.http.delete(rest, headers=bearer(shop.operator_key))).status_code == 404
    assert (await shop.http.delete(shop.path(path), headers=bearer(shop.storefront_key))).status_code == 403
    assert (await shop.http.delete(shop.path(path), headers=bearer(key))).status_code == 204


async def test_twenty_codes_are_open_at_most_and_one_that_is_over_gives_nothing(
    start_api_pod: StartApiPod, shop: Shop, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    answers = await asyncio.gather(*(make(shop) for _ in range(24)))
    assert Counter(answer.status_code for answer in answers) == {201: 20, 409: 4}
    codes = [answer.json()["code"] for answer in answers if answer.status_code == 201]
    await database.execute("UPDATE pairings SET expires_at = now() WHERE tenant = $1", shop.slug)
    pod = start_api_pod({})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        assert (await pair(http, codes[0])).status_code == 404
        fresh = (await make(shop)).json()["code"]
        for wrong in ("00000000", 'x"', "1" * 200):
            assert (await pair(http, wrong)).status_code == 404
        assert (await pair(http, "AAAAAAAA")).status_code == 404
        # Right and wrong alike, for the rest of ten minutes.
        refused = await pair(http, fresh)
        assert refused.status_code == 429
        assert 500 < int(refused.headers["retry-after"]) <= 600
        assert (await pair(http, 7)).status_code == 422
        strange = await http.post("/api/terminals/pair?x=1", json={"code": fresh})
        assert strange.status_code == 422

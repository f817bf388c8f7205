"""A client that asks too often is told so, with how long to wait; everybody else notices nothing."""

import asyncio
from collections import Counter
from contextlib import ExitStack, suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.guesses import GUESS_SECONDS, Guesses
from api.metrics import LIMITED
from api.settings import ApiSettings
from backbone.contract.errors import TooMany
from backbone.contract.keys import KeyKind
from backbone.contract.rate import Excess, Rate, spend
from backbone.runtime.bucket import BUCKETS, Bucket
from tests.conftest import OpenShop, StartApiPod
from tests.shop import Shop, bearer

RATES = st.builds(Rate, st.integers(1, 50), st.floats(0.1, 1000))


@given(RATES, st.lists(st.floats(0, 100), max_size=200))
def test_no_stretch_of_time_admits_more_than_the_bucket_and_what_refilled_meanwhile(
    rate: Rate, pauses: list[float]
) -> None:
    now, full_at = 0.0, 0.0
    admitted: list[float] = []
    for pause in pauses:
        now += pause
        found = spend(full_at, now, rate)
        if not isinstance(found, Excess):
            admitted.append(now)
            full_at = found
    for start in range(len(admitted)):
        for end in range(start, len(admitted)):
            allowed = rate.count + (admitted[end] - admitted[start]) / rate.spacing
            assert end - start + 1 <= allowed + 2e-3


@given(RATES, st.integers(0, 100))
def test_who_waits_as_long_as_it_was_told_is_admitted(rate: Rate, more: int) -> None:
    full_at, now = 0.0, 50.0
    for _ in range(rate.count + more):
        found = spend(full_at, now, rate)
        if isinstance(found, Excess):
            now += found.retry_after
            found = spend(full_at, now, rate)
        assert not isinstance(found, Excess)
        full_at = found


def test_one_who_empties_a_bucket_takes_nothing_of_anothers() -> None:
    now = 0.0
    bucket = Bucket(LIMITED.labels("key"), Rate(3, 10), lambda: now)
    for _ in range(3):
        bucket.spend("hot")
    with pytest.raises(TooMany) as refused:
        bucket.spend("hot")
    assert refused.value.retry_after == 4
    for _ in range(3):
        bucket.spend("calm")
    now = 4.0
    bucket.spend("hot")


def test_strangers_without_number_take_bounded_room() -> None:
    bucket = Bucket(LIMITED.labels("address"), Rate(3, 10), lambda: 0.0)
    for number in range(BUCKETS + 1000):
        bucket.note(f"10.0.0.{number}")
    assert len(bucket._full_at) == BUCKETS


def test_who_came_last_is_the_last_to_be_forgotten() -> None:
    bucket = Bucket(LIMITED.labels("address"), Rate(3, 10), lambda: 0.0)
    for number in range(BUCKETS):
        bucket.spend(number)
    bucket.spend(0)
    bucket.spend("new")
    assert 0 in bucket._full_at
    assert 1 not in bucket._full_at


def refused(response: httpx.Response) -> bool:
    """Whether it is a 429 as it has to be."""
    if response.status_code != 429:
        return False
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:bellwire:problem:too-many-requests"
    wait = response.headers["retry-after"]
    assert int(wait) >= 1
    assert response.headers["ratelimit-reset"] == wait
    assert response.headers["ratelimit-remaining"] == "0"
    assert int(response.headers["ratelimit-limit"]) >= 1
    return True


async def test_a_key_a_tenant_and_a_stranger_that_ask_too_often_are_refused_and_others_are_not(
    start_api_pod: StartApiPod, shop: Shop, open_shop: OpenShop
) -> None:
    other = await open_shop()
    second = await shop.add_terminal("second")
    pod = start_api_pod(
        {"BELLWIRE_KEY_RATE": "1", "BELLWIRE_TENANT_RATE": "2", "BELLWIRE_STRANGER_RATE": "1"}
    )
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def many(key: str, count: int) -> list[httpx.Response]:
            return [await http.get("/api/whoami", headers=bearer(key)) for _ in range(count)]

        async def too_many(key: str) -> list[httpx.Response]:
            """Ask until it is refused: one a second comes back, and the machine may be slow."""
            answers = await many(key, 10)
            while answers[-1].status_code != 429 and len(answers) < 500:
                answers += await many(key, 1)
            return answers

        own = await too_many(shop.terminal_key)
        assert [answer.status_code for answer in own[:10]] == [200] * 10
        assert refused(own[-1])
        # Ten of the tenant's twenty went to the first terminal's key, ten are left for the second.
        assert [answer.status_code for answer in (await many(second.key, 10))[:9]] == [200] * 9
        by_the_tenant = await too_many(shop.storefront_key)
        assert refused(by_the_tenant[-1])
        assert [answer.status_code for answer in await many(other.terminal_key, 5)] == [200] * 5
        strangers = await too_many("bw_term_" + "A" * 43)
        assert [answer.status_code for answer in strangers[:10]] == [401] * 10
        assert refused(strangers[-1])
        # A known client is not asked where it comes from.
        assert (await many(other.terminal_key, 1))[0].status_code == 200
        page = (await http.get("/metrics")).text
        for name in ("key", "tenant", "address"):
            assert f'bellwire_api_limited_total{{limit="{name}"}} 0.0' not in page


async def test_behind_a_balancer_one_stranger_is_not_taken_for_another(
    start_api_pod: StartApiPod,
) -> None:
    pod = start_api_pod({"BELLWIRE_STRANGER_RATE": "1", "BELLWIRE_TRUST_FORWARDED_FOR": "true"})
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def come_from(*addresses: str) -> httpx.Response:
            headers = [("X-Forwarded-For", address) for address in addresses]
            return await http.get("/api/whoami", headers=headers)

        answers = await asyncio.gather(*(come_from("203.0.113.9, 198.51.100.7") for _ in range(60)))
        assert any(refused(answer) for answer in answers)
        more = await asyncio.gather(*(come_from("203.0.113.10", "198.51.100.7") for _ in range(30)))
        assert sum(answer.status_code == 401 for answer in more) < 10
        assert (await come_from("198.51.100.7, 203.0.113.9")).status_code == 401


def wrong_numbers(count: int) -> list[str]:
    """Numbers that could be a card's, and are none's."""
    return [f"{value:016d}" for value in range(count)]


def with_check(digits: str) -> str | None:
    """The number with its check symbol, when that is one a till types."""
    value = 0
    for digit in digits:
        value = value << 5 | int(digit)
    check = value % 37
    return digits + "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[check] if check < 32 else None


@pytest.mark.parametrize("door", ["get", "redeem"])
async def test_many_guesses_at_once_are_no_more_than_one_after_another(
    start_api_pod: StartApiPod, shop: Shop, door: str
) -> None:
    pod = start_api_pod({"BELLWIRE_TERMINAL_GUESSES": "4", "BELLWIRE_TENANT_WRITES": "40"})
    numbers = [found for found in map(with_check, wrong_numbers(60)) if found is not None]
    second = await shop.add_terminal("second")
    card = (await shop.sell_card(10))["cardNumber"]
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(number: str, key: str) -> httpx.Response:
            path = shop.path(f"gift-cards/{number}")
            if door == "get":
                return await http.get(path, headers=bearer(key))
            return await http.post(f"{path}/redeem", json={"amount": 0.01}, headers=bearer(key))

        answers = await asyncio.gather(*(ask(number, shop.terminal_key) for number in numbers[:40]))
        assert Counter(answer.status_code for answer in answers) == {404: 4, 429: len(answers) - 4}
        # Right ones take nothing, however many there are.
        for _ in range(6):
            rights = await asyncio.gather(*(ask(card, second.key) for _ in range(4)))
            assert {answer.status_code for answer in rights} == {200}


GUESSERS = st.sampled_from(["one", "two", "three"])


@given(st.lists(st.tuples(GUESSERS, st.booleans(), st.floats(0, 30), st.integers(1, 20)), max_size=60))
def test_whatever_others_guess_a_holder_without_a_wrong_number_is_served(
    crowds: list[tuple[str, bool, float, int]],
) -> None:
    """Crowds of looks at the same time, all right or all wrong; the fourth holder is never wrong."""
    now = 1000.0
    settings = ApiSettings.model_construct(terminal_guesses=5, tenant_guesses=8)
    guesses = Guesses(settings, lambda: now)
    wrong: dict[str, list[float]] = {}
    for holder, right, pause, many in crowds:
        now += pause
        with ExitStack() as under_way:
            for _ in range(many):
                with suppress(TooMany):
                    guess = under_way.enter_context(guesses.guess("shop", KeyKind.TERMINAL, holder))
                    guess.wrong = not right
                    wrong.setdefault(holder, []).extend([now] * (not right))
        with guesses.guess("shop", KeyKind.TERMINAL, "honest"):
            pass
    for moments in wrong.values():
        for first in range(len(moments)):
            for last in range(first, len(moments)):
                refilled = (moments[last] - moments[first]) / (GUESS_SECONDS / 5)
                assert last - first + 1 <= 5 + refilled + 2e-3


@pytest.mark.parametrize("door", ["get", "redeem"])
async def test_guessing_card_numbers_is_slowed_for_the_terminal_and_at_last_for_the_tenant(
    start_api_pod: StartApiPod, shop: Shop, open_shop: OpenShop, door: str
) -> None:
    pod = start_api_pod({"BELLWIRE_TERMINAL_GUESSES": "4", "BELLWIRE_TENANT_GUESSES": "6"})
    numbers = [found for found in map(with_check, wrong_numbers(60)) if found is not None]
    other = await open_shop()
    second, third = await shop.add_terminal("second"), await shop.add_terminal("third")
    async with httpx.AsyncClient(base_url=pod.url) as http:

        async def ask(number: str, key: str, at: Shop = shop) -> httpx.Response:
            path = at.path(f"gift-cards/{number}")
            if door == "get":
                return await http.get(path, headers=bearer(key))
            return await http.post(f"{path}/redeem", json={"amount": 1}, headers=bearer(key))

        card = (await shop.sell_card(10))["cardNumber"]
        typed_wrongly = [await ask(card[:-1] + ("A" if card[-1] != "A" else "B"), shop.terminal_key)] * 3
        guesses = [await ask(number, shop.terminal_key) for number in numbers[:4]]
        assert {answer.status_code for answer in guesses + typed_wrongly} == {404}
        assert len({answer.content for answer in guesses + typed_wrongly}) == 1
        # Right and wrong alike, so that the answer says nothing about a number.
        assert refused(await ask(numbers[4], shop.terminal_key))
        assert refused(await ask(card, shop.terminal_key))
        assert (await ask(card, second.key)).status_code == 200
        for number in numbers[5:7]:
            assert (await ask(number, second.key)).status_code == 404
        # The tenant's bucket is empty: whoever was wrong lately waits, and whoever was not notices nothing.
        assert refused(await ask(card, second.key))
        assert (await ask(card, third.key)).status_code == 200
        assert (await ask(numbers[7], third.key)).status_code == 404
        assert refused(await ask(card, third.key))
        elsewhere = (await other.sell_card(10))["cardNumber"]
        assert (await ask(elsewhere, other.terminal_key, other)).status_code == 200

"""`BELLWIRE_CARD_SECRET` is changed while shops sell: no card is lost or taken from twice, and pods say what lacks."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from api.core.secret_ring import id_of
from api.db.operator_keys import create_operator_key
from api.settings import ApiSettings
from backbone.runtime.settings import InvalidSettings, load_settings, read_secrets
from infra.local.pods import Pod
from tests.conftest import ROOT, MakeDatabase, StartApiPod
from tests.shop import Operator, Shop, bearer

OLD, NEW = "the old secret, of which everybody knows by now", "a new one, which nobody has seen so far"
FIRST = {"BELLWIRE_CARD_SECRET": OLD}
TOLD = {"BELLWIRE_CARD_SECRET": OLD, "BELLWIRE_CARD_SECRET_BEFORE": NEW}
BOTH = {"BELLWIRE_CARD_SECRET": NEW, "BELLWIRE_CARD_SECRET_BEFORE": OLD}
LAST = {"BELLWIRE_CARD_SECRET": NEW}


@contextlib.asynccontextmanager
async def at(pod: Pod, shop: Shop) -> AsyncIterator[Shop]:
    """The shop through this pod."""
    async with httpx.AsyncClient(base_url=pod.url, timeout=30) as http:
        yield shop.at(http)


async def looked_at(shop: Shop, number: str) -> int:
    answer = await shop.http.get(shop.path(f"gift-cards/{number}"), headers=bearer(shop.terminal_key))
    return answer.status_code


async def sold(shop: Shop, key: str) -> tuple[int, str]:
    """Sell a card, or be given it again."""
    answer = await shop.http.post(
        shop.path("gift-cards/purchase"),
        json={"amount": 25, "purchasedBy": "Grace Hopper"},
        headers=bearer(shop.storefront_key) | {"Idempotency-Key": key},
    )
    return answer.status_code, answer.json().get("cardNumber", "")


def audited(url: str, secrets: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bellwire", "audit", "--database-url", url],
        cwd=ROOT, env={"PATH": "/usr/bin", **secrets}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


async def test_a_card_moves_to_the_newest_secret_when_it_is_presented_and_the_old_one_may_go_when_none_is_left(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase
) -> None:
    url = await migrated_database()
    here = {"BELLWIRE_DATABASE_URL": url}
    first, both = start_api_pod({**here, **FIRST}), start_api_pod({**here, **BOTH})
    async with httpx.AsyncClient(base_url=first.url) as http:
        shop = await Operator(http, await create_operator_key(url)).open_shop("cards")
        looked, used, left = [(await sold(shop, key))[1] for key in ("a", "b", "c")]
        connection = await asyncpg.connect(url)
        try:
            # As pods of the release before sell them.
            await connection.execute("UPDATE gift_cards SET secret_id = NULL")
        finally:
            await connection.close()
        assert "3 gift cards (3 with a balance)" in (await asyncio.to_thread(audited, url, BOTH))[1]
        async with at(both, shop) as new:
            # A retry is given the same number, wherever it comes.
            assert [(await sold(new, key)) for key in "abc"] == [(201, looked), (201, used), (201, left)]
            assert await looked_at(new, looked) == 200
            assert (await new.redeem_card(used, 5)).json()["balance"] == 20
            assert (await new.redeem_card(used, 50)).status_code == 409
            _, fresh = await sold(new, "d")
            _, said = await asyncio.to_thread(audited, url, BOTH)
            assert f"{id_of(NEW.encode()).hex()}  BELLWIRE_CARD_SECRET: 3 gift cards" in said
            assert f"{id_of(OLD.encode()).hex()}  BELLWIRE_CARD_SECRET_BEFORE: 1 gift cards" in said
        code, said = await asyncio.to_thread(audited, url, LAST)
        assert (code, "MISSING" in said) == (1, True)
        lines: list[str] = []
        last = start_api_pod({**here, **LAST}, lines)
        async with at(last, shop) as late:
            assert [await looked_at(late, number) for number in (looked, used, fresh)] == [200] * 3
            assert await looked_at(late, left) == 404
            assert (await sold(late, "d")) == (201, fresh)
            # Not another number: none, until somebody has the secret.
            assert (await sold(late, "a"))[0] == 503
        async with asyncio.timeout(10):
            while not any("secrets.missing" in line for line in lines):
                await asyncio.sleep(0.1)
        assert id_of(OLD.encode()).hex() in next(line for line in lines if "secrets.missing" in line)
        assert not any(secret in line for line in lines for secret in (OLD, NEW))
        async with at(both, shop) as new:
            assert await looked_at(new, left) == 200
        code, said = await asyncio.to_thread(audited, url, LAST)
        assert (code, "MISSING" in said) == (0, False), said


async def test_pods_that_know_both_secrets_in_either_order_take_exactly_what_is_on_a_card(
    start_api_pod: StartApiPod, migrated_database: MakeDatabase
) -> None:
    url = await migrated_database()
    pods = [start_api_pod({"BELLWIRE_DATABASE_URL": url, **ring}) for ring in (TOLD, BOTH)]
    async with httpx.AsyncClient(base_url=pods[0].url) as http:
        shop = await Operator(http, await create_operator_key(url)).open_shop("rolled")
        tills = [await shop.add_terminal(f"till {number}") for number in range(6)]
        async with at(pods[0], shop) as one, at(pods[1], shop) as other:
            for seller in (one, other):
                _, number = await sold(seller, seller.http.base_url.host + str(seller.http.base_url.port))
                doors = [
                    Shop(door.http, shop.slug, shop.storefront_key, shop.operator_key, [till])
                    for till in tills
                    for door in (one, other)
                ]
                answers = await asyncio.gather(*(doors[n % 12].redeem_card(number, 1) for n in range(48)))
                assert sorted(answer.status_code for answer in answers) == [200] * 25 + [409] * 23
            pairing = await one.http.post(
                shop.path("pairings"), json={"name": "counter"}, headers=bearer(shop.operator_key)
            )
            typed = await other.http.post("/api/terminals/pair", json={"code": pairing.json()["code"]})
            assert typed.status_code == 201
    assert (await asyncio.to_thread(audited, url, BOTH))[0] == 0


def test_secrets_of_before_are_one_or_a_list_and_never_repeated_in_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    third = "a third one, which is as long as the others"
    given = {"database_url": "postgresql://u@h/d", "redis_url": "redis://h/0", "card_secret": NEW}
    for value, before in (
        (OLD, [OLD]), (f'["{OLD}", "{third}"]', [OLD, third]), ("[]", []), ("", []), (f'["{NEW}"]', []),
    ):  # fmt: skip
        monkeypatch.setenv("BELLWIRE_CARD_SECRET_BEFORE", value)
        ring = load_settings(ApiSettings, **given).card_secrets
        assert ring.all == [secret.encode() for secret in [NEW, *before]]
    for wrong in ("short", '["short"]', '["x', '[{"a": 1}]', "[1]", f'["{OLD}", "short"]'):
        monkeypatch.setenv("BELLWIRE_CARD_SECRET_BEFORE", wrong)
        with pytest.raises(InvalidSettings) as caught:
            load_settings(ApiSettings, **given)
        assert str(caught.value).startswith("BELLWIRE_CARD_SECRET_BEFORE")
        assert "short" not in str(caught.value).replace("too short", "")
        assert OLD not in str(caught.value)
    assert read_secrets(7) == 7

"""Endpoints whose host cannot be reached in any way: refused at the registration, failures when they are there."""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.core.delivery import Attempt, Outcome
from api.webhooks.sender import Sender
from tests.api.sink import Sink
from tests.shop import Shop, bearer

BAD = [
    "https://a.b..c/", "https://" + "a" * 64 + ".example.com/", "https://" + "a" * 300 + ".com/",
    "https://" + "a." * 200 + "com/",
    "https://.example.com/", "https://xn--a.example.com/", "https://xn--.example.com/", "https://ex‍ample.com/",
    "https://-a.example.com/", "https://a-.example.com/", "https://8.8.8.8:0/", "https://8.8.8.8:65536/",
    "https://8.8.8.8:99999/",
    "https://[fe80::1%25eth0]/", "https://①.example.com/", "https://a%00b.example.com/",
    "https://ü" + "ü" * 70 + ".com/",
]  # fmt: skip


async def unresolved(host: str, port: int) -> list[str]:
    """A resolver that encodes as the system's does, and then knows nobody."""
    host.encode("idna")
    if port > 65535:
        raise OverflowError("port must be 0-65535.")
    raise OSError("no such name")


TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            ["https://", "http://", "a", ".", "..", "ü", ":", "99999", "/", "@", "%", "[", "]", "xn--", "\udcff"]
        ),
        max_size=12,
    ).map("".join),
)  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """A loop for all examples."""
    with asyncio.Runner() as made:
        yield made


TLS = ssl.create_default_context()


@given(TEXTS)
@settings(max_examples=200, deadline=None)
@example("https://a.b..c/")
@example("https://" + "a" * 64 + "/")
@example("https://8.8.8.8:99999/")
@example("https://xn--a/")
def test_whatever_an_address_is_an_attempt_has_an_end_and_nothing_is_raised(
    runner: asyncio.Runner, text: str
) -> None:
    async def attempt() -> Attempt:
        sender = Sender(lambda _: True, 5, unresolved, TLS)
        try:
            return await sender.send(text, {}, b"{}")
        finally:
            await sender.close()

    assert runner.run(attempt()).outcome is Outcome.UNREACHABLE


class Broken(Exception):
    """Something that nobody expects."""


async def test_a_bug_on_the_way_is_loud_and_a_failed_attempt(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks(host: str, port: int) -> list[str]:
        raise Broken

    sender = Sender(lambda _: True, 5, breaks)
    assert (await sender.send("https://shop.example.com/", {}, b"{}")).outcome is Outcome.UNREACHABLE
    await sender.close()
    assert [record.message for record in caplog.records if record.exc_info] == ["webhook.bug"]


@pytest.mark.parametrize("url", BAD)
async def test_a_host_that_cannot_be_encoded_is_refused_when_it_is_registered(shop: Shop, url: str) -> None:
    answer = await shop.http.post(
        shop.path("webhooks"), json={"url": url}, headers=bearer(shop.storefront_key)
    )
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert error["loc"] == "url"
    assert error["msg"].startswith(("is ", "must "))


async def test_one_that_is_there_already_counts_its_failures_and_is_switched_off_like_any_other(
    shop: Shop, sink: Sink, database: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    urls = ["https://a.b..c/", "https://" + "a" * 64 + "/", "https://8.8.8.8:99999/"]
    for url in urls:
        await database.execute(
            """
            INSERT INTO webhook_endpoints (endpoint_id, tenant, url, epoch, seq, failures)
            VALUES (gen_random_uuid(), $1, $2, 1, 0, 8)
            """,
            shop.slug,
            url,
        )
    await shop.http.post(shop.path("webhooks"), json={"url": sink.url}, headers=bearer(shop.storefront_key))
    await shop.order()

    async def listed() -> list[dict[str, Any]]:
        answer = await shop.http.get(shop.path("webhooks"), headers=bearer(shop.storefront_key))
        found: list[dict[str, Any]] = answer.json()["webhooks"]
        return [one for one in found if one["url"] in urls]

    async with asyncio.timeout(30):
        while not all(one["failures"] == 9 for one in await listed()):
            await asyncio.sleep(0.1)
        while not sink.accepted:
            await asyncio.sleep(0.05)
    assert {(one["lastOutcome"], one["enabled"]) for one in await listed()} == {("unreachable", True)}
    # As after a day.
    await database.execute(
        "UPDATE webhook_endpoints SET next_attempt_at = now() WHERE tenant = $1 AND failures > 0", shop.slug
    )
    async with asyncio.timeout(30):
        while any(one["enabled"] for one in await listed()):
            await asyncio.sleep(0.1)
    assert {(one["disabledReason"], one["failures"]) for one in await listed()} == {("exhausted", 10)}

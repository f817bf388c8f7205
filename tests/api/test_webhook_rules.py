"""Where a webhook may go, when it is tried again, and by what it is signed."""

import asyncio
import ssl
import uuid
from ipaddress import IPv4Address, IPv6Address

import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from api.core.delivery import WAITS, Again, Attempt, Outcome, SwitchOff, after_failure, outcome_of
from api.core.public_address import is_public
from api.routes.webhooks import check_url
from api.webhooks.message import derive_secret
from api.webhooks.sender import Sender
from backbone.runtime.settings import read_ports
from tests.api.sink import Answer, open_sink

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")

PRIVATE_V4 = [
    "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/29",
    "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4",
]  # fmt: skip
PRIVATE_V6 = [
    "3fff::/20", "5f00::/16", "2001::/23", "2002:c000:c0::/48", "2002:a83f:8110::/48",
    "::/128", "::1/128", "::/96", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32", "2001::/32",
    "100::/64", "64:ff9b:1::/48", "4000::/3",
]  # fmt: skip

PRIVATE_ADDRESSES = st.one_of(
    [st.ip_addresses(v=4, network=network) for network in PRIVATE_V4]
    + [st.ip_addresses(v=6, network=network) for network in PRIVATE_V6]
)


@given(PRIVATE_ADDRESSES)
def test_no_address_of_a_private_network_is_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(str(address))


@given(st.one_of([st.ip_addresses(v=4, network=network) for network in PRIVATE_V4]))
def test_a_private_address_carried_in_an_ipv6_address_is_not_public(address: IPv4Address) -> None:
    number = int(address)
    for carrier in (
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0x64FF9B << 96 | number),
        IPv6Address(0x2002 << 112 | number << 80 | 1),
    ):
        assert not is_public(str(carrier))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "8.8.8", "2130706433", "0x7f.1", "::ffff:127.0.0.1", "fe80::1%eth0"]
)
def test_what_is_no_address_or_only_looks_public_is_not(text: str) -> None:
    assert not is_public(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/", "ftp://shop.example.com/", "shop.example.com/hook", "https://",
        "//shop.example.com/",
        "https://user:secret@shop.example.com/", "https://shop.example.com/#part", "https://localhost/",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://2130706433/",
        "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://10.0.0.8:8443/", "https://intranet/",
        "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "https://127.0.0.1./",
        "https://shop.example.com/" + "a" * 3000, "javascript:alert(1)", "https://exa mple.com/",
    ],
)  # fmt: skip
def test_an_address_that_no_webhook_may_have_is_refused_when_it_is_registered(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|must) "):
        check_url(url, private=False)


@pytest.mark.parametrize(
    "url", ["https://shop.example.com/hook?a=b", "https://shop.example.com/", "https://8.8.8.8/hook"]
)
def test_an_address_of_the_internet_is_kept_as_it_is(url: str) -> None:
    assert check_url(url, private=False) == url


@given(st.integers(1, 65535))
def test_a_new_webhook_uses_443_or_a_port_that_is_listed(port: int) -> None:
    url = f"https://shop.example.com:{port}/"
    assert check_url(url, private=False, ports=(port,)) == str(httpx.URL(url))
    assert check_url(url, private=True) == str(httpx.URL(url))
    if port != 443:
        with pytest.raises(ValueError, match="port 443"):
            check_url(url, private=False, ports=(1, 65535) if 1 < port < 65535 else ())


@pytest.mark.parametrize(
    ("text", "ports"), [("", ()), ("8443", (8443,)), (" 8443 , 9443,", (8443, 9443)), ("1,65535", (1, 65535))]
)
def test_ports_are_numbers_with_commas(text: str, ports: tuple[int, ...]) -> None:
    assert read_ports(text) == ports


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "84 43", "8443;9443", "²", "999999"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ports such as"):
        read_ports(text)


# The edges of every special range, and the addresses just outside of it that are ordinary ones.
@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("192.0.0.192", False), ("192.0.0.255", False), ("192.0.1.0", True), ("191.255.255.255", True),
        ("168.63.129.16", False), ("168.63.129.15", True), ("168.63.129.17", True), ("192.88.99.1", False),
        ("192.88.98.255", True), ("192.88.100.0", True), ("100.63.255.255", True), ("100.128.0.0", True),
        ("172.15.255.255", True), ("172.32.0.0", True), ("198.17.255.255", True), ("198.20.0.0", True),
        ("223.255.255.255", True), ("224.0.0.0", False), ("255.255.255.255", False), ("::ffff:168.63.129.16", False),
        ("64:ff9b::192.0.0.192", False), ("2002:a83f:8110::1", False), ("3fff::1", False), ("3fff:fff:ffff::", False),
        ("3fff:1000::", True), ("2001:200::1", True), ("2001:1ff:ffff::", False), ("2620:4f:8000::1", False),
    ],
)  # fmt: skip
def test_the_edges_of_special_ranges(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(
    st.integers(1, 9),
    st.floats(0, 1),
    st.sampled_from([o for o in Outcome if o.value not in ("delivered", "gone")]),
)
def test_the_waits_are_those_of_the_specification_give_or_take_a_tenth(
    failures: int, jitter: float, outcome: Outcome
) -> None:
    step = after_failure(Attempt(outcome), failures, jitter, 1.0)
    assert isinstance(step, Again)
    assert 0.9 * WAITS[failures - 1] <= step.seconds <= 1.1 * WAITS[failures - 1] + 1e-6
    assert [wait / 60 for wait in WAITS] == [5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440]


def test_ten_failures_in_a_row_and_a_410_switch_an_endpoint_off() -> None:
    assert after_failure(Attempt(Outcome.TIMEOUT), 10, 0.5, 1.0) == SwitchOff("exhausted")
    assert after_failure(Attempt(outcome_of(410)), 1, 0.5, 1.0) == SwitchOff("gone")


@given(st.integers(1, 9), st.floats(0, 10**9), st.floats(0, 1))
def test_who_asks_for_a_longer_wait_gets_it_up_to_a_day_and_never_a_shorter_one(
    failures: int, asked: float, jitter: float
) -> None:
    plain = after_failure(Attempt(Outcome.REJECTED), failures, jitter, 1.0)
    step = after_failure(Attempt(Outcome.REJECTED, asked), failures, jitter, 1.0)
    assert isinstance(step, Again)
    assert isinstance(plain, Again)
    assert step.seconds == max(plain.seconds, min(asked, 24 * 3600))


@given(st.binary(min_size=32, max_size=64), st.uuids(), st.integers(1, 2**31))
def test_a_secret_is_of_the_specifications_form_and_no_two_are_alike(
    pods_secret: bytes, endpoint: uuid.UUID, generation: int
) -> None:
    secret = derive_secret(pods_secret, endpoint, generation)
    assert secret.startswith("whsec_")
    assert 24 <= len(Webhook(secret)._whsecret) <= 64
    assert secret != derive_secret(pods_secret, endpoint, generation + 1)
    assert secret != derive_secret(pods_secret, uuid.uuid5(endpoint, "other"), generation)


# -- the way out, on real connections ------------------------------------------------------------------------------


def only(*addresses: str) -> "set[str]":
    """The stand-in for the public internet."""
    return set(addresses)


async def test_a_name_is_resolved_once_and_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    answers = [["127.0.0.2"], ["127.0.0.3"], ["127.0.0.3"]]

    async def rebinding(host: str, port: int) -> list[str]:
        assert host == "hooks.example.com"
        return answers.pop(0)

    with open_sink("127.0.0.2") as good, open_sink("127.0.0.3") as bad:
        permitted = only("127.0.0.2")
        sender = Sender(permitted.__contains__, 5, rebinding)
        url = f"http://hooks.example.com:{good.port}/hook"
        assert (await sender.send(url, {}, b"{}")).outcome is Outcome.DELIVERED
        assert len(answers) == 2
        assert good.deliveries[0].headers["host"] == f"hooks.example.com:{good.port}"
        # Another connection, another look: and now the name leads elsewhere.
        other = f"http://hooks.example.com:{bad.port}/hook"
        assert (await sender.send(other, {}, b"{}")).outcome is Outcome.FORBIDDEN
        assert bad.deliveries == []
        await sender.close()


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def mixed(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.3"]

    with open_sink("127.0.0.2") as sink:
        sender = Sender(only("127.0.0.2").__contains__, 5, mixed)
        assert (await sender.send(f"http://x.example:{sink.port}/", {}, b"")).outcome is Outcome.FORBIDDEN
        assert sink.deliveries == []
        await sender.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "0.0.0.0",
    ],
)
async def test_no_spelling_of_this_machine_is_reached(host: str) -> None:
    with open_sink() as sink:
        sender = Sender(is_public, 5)
        attempt = await sender.send(f"http://{host}:{sink.port}/hook", {}, b"{}")
        assert attempt.outcome in (Outcome.FORBIDDEN, Outcome.UNREACHABLE)
        assert sink.deliveries == []
        await sender.close()


async def test_a_redirect_is_not_followed_wherever_it_leads() -> None:
    with open_sink() as target, open_sink() as sink:
        sink.answer = lambda _: Answer(307, {"Location": target.url})
        sender = Sender(lambda _: True, 5)
        assert (await sender.send(sink.url, {}, b"{}")).outcome is Outcome.REDIRECTED
        assert target.deliveries == []
        await sender.close()


async def test_an_answer_without_an_end_is_read_for_a_while_only() -> None:
    with open_sink() as sink:
        sink.answer = lambda _: Answer(200, endless=True)
        sender = Sender(lambda _: True, 10)
        async with asyncio.timeout(5):
            assert (await sender.send(sink.url, {}, b"{}")).outcome is Outcome.DELIVERED
        await sender.close()


async def test_who_takes_too_long_is_left() -> None:
    with open_sink() as sink:
        sink.answer = lambda _: Answer(200, seconds=30)
        sender = Sender(lambda _: True, 0.5)
        async with asyncio.timeout(10):
            assert (await sender.send(sink.url, {}, b"{}")).outcome is Outcome.TIMEOUT
        await sender.close()


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("120", 120, 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 10**9, 10**11),
        ("Fri, 31 Dec 2999 23:59:59", 10**9, 10**11),
        ("soon", None, None),
        ("-5", None, None),
        ("99999999999999999999", 10**8, 10**10),
    ],
)
async def test_retry_after_is_read_as_seconds_or_as_a_date(
    text: str, least: float | None, most: float | None
) -> None:
    with open_sink() as sink:
        sink.answer = lambda _: Answer(503, {"Retry-After": text})
        sender = Sender(lambda _: True, 5)
        attempt = await sender.send(sink.url, {}, b"{}")
        await sender.close()
    assert attempt.outcome is Outcome.REJECTED
    if least is None or most is None:
        assert attempt.retry_after is None
    else:
        assert attempt.retry_after is not None
        assert least <= attempt.retry_after <= most


async def test_tls_is_spoken_with_the_name_and_a_certificate_for_another_one_is_refused() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example.com").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with open_sink(tls=server) as sink:
        sender = Sender(lambda _: True, 5, here, client)
        attempt = await sender.send(f"https://hooks.example.com:{sink.port}/hook", {}, b'{"a":1}')
        assert attempt.outcome is Outcome.DELIVERED
        assert sink.deliveries[0].body == b'{"a":1}'
        other = await sender.send(f"https://other.example.com:{sink.port}/hook", {}, b"{}")
        assert other.outcome is Outcome.UNREACHABLE
        await sender.close()
        # And an authority that nobody trusts.
        stranger = Sender(lambda _: True, 5, here)
        attempt = await stranger.send(f"https://hooks.example.com:{sink.port}/hook", {}, b"{}")
        assert attempt.outcome is Outcome.UNREACHABLE
        await stranger.close()
    assert len(sink.deliveries) == 1

"""Small rules of the pure parts: addresses as they are counted, codes as they are typed, roles, words of offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.core.pairing import code_hmac, read_code, write_code
from api.core.tenant_settings import distinct_roles
from backbone.contract.address import counted_as
from backbone.contract.errors import TooManyAtOnce
from backbone.contract.offset import LAST_ACKED, parse_after
from backbone.contract.origin import parse_origin
from backbone.contract.slug import is_test_slug


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_host_is_counted_as_one_whichever_address_of_its_64_it_takes(address: object, low: int) -> None:
    number = int(address)  # type: ignore[call-overload]
    if number >> 32 == 0xFFFF or number >> 64 == 0:
        return  # An IPv4 address in the clothes of an IPv6 one, or next to those.
    neighbour = str(type(address)(number >> 64 << 64 | low))  # type: ignore[call-arg]
    assert counted_as(neighbour) == counted_as(str(address))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_counted_as_itself_however_it_is_written(address: object) -> None:
    assert counted_as(str(address)) == counted_as(f"::ffff:{address}") == str(address)


def test_what_is_no_address_is_counted_as_it_is() -> None:
    assert counted_as("unix") == "unix"


@given(st.binary(max_size=16), st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1))
def test_a_code_is_found_by_its_own_hash_alone(secret: bytes, one: int, other: int) -> None:
    found, wanted = write_code(one), write_code(other)
    assert read_code(found) == found
    assert (code_hmac(secret, found) == code_hmac(secret, wanted)) is (one == other)


@pytest.mark.parametrize("text", ["", "1234567", "ABCDEFGHJ", "ABCDEFGU"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert read_code(text) is None


def test_test_tenants_are_told_by_their_slugs() -> None:
    assert [is_test_slug(slug) for slug in ("test-1", "verify-a", "load-x", "testing", "shop-test-1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_role_is_named_once() -> None:
    assert distinct_roles(["bar", "kitchen"]) == ["bar", "kitchen"]
    with pytest.raises(ValueError, match="twice"):
        distinct_roles(["bar", "bar"])


def test_too_many_at_once_says_how_many_and_when_to_come_back() -> None:
    error = TooManyAtOnce(3)
    assert (error.count, error.retry_after) == (3, 1)
    assert "At most 3 at once" in error.detail


def test_the_last_ack_is_a_place_to_start() -> None:
    assert parse_after("acked") is LAST_ACKED


@pytest.mark.parametrize("port", ["0", "65536", "99999"])
def test_an_origin_has_a_port_that_there_is(port: str) -> None:
    assert parse_origin(f"https://till.example:{port}") is None

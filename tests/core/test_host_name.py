"""The names that a webhook's host may have: what cannot be encoded by the client, the resolver or TLS is none."""

import ssl

import httpx
import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.core.host_name import fault_of_name
from api.core.public_address import is_address
from api.routes.webhooks import check_url

PARTS = st.one_of(
    st.text("abcxyz0189-_", max_size=8),
    st.text("abcß-üجд東‍·.。 ٣۳%\\", max_size=6),
    st.sampled_from(
        ["", "a" * 63, "a" * 64, "ü" * 60, "xn--", "xn--a", "xn--mnchen-3ya", "xn--i-7iq", "ab--cd", "-", "_dmarc"]
    ),
    st.text(max_size=4),
    st.integers(0, 2**33).map(str),
)  # fmt: skip
HOSTS = st.lists(PARTS, min_size=1, max_size=6).map(".".join) | st.lists(
    st.sampled_from(["a" * 63, "b" * 40, "c"]), min_size=3, max_size=7
).map(".".join)
CLIENT = ssl.create_default_context()


def encode_everywhere(host: str) -> None:
    """Encode a host as everything on the way out does. Raises UnicodeError or ValueError."""
    host.encode("idna")  # the resolver
    CLIENT.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=host)
    assert httpx.URL(f"https://{host}/").host  # the client


@given(HOSTS, st.booleans())
@example("a.b..c", False)
@example("a.b..c", True)
@example(".a.b", True)
@example("a" * 64 + ".example.com", False)
@example("xn--a.example.com", False)
@example("a." * 200 + "com", False)
@example("a" * 63 + ".", True)
@example(".", True)
@example("..", True)
def test_a_host_is_taken_only_when_all_on_the_way_can_encode_it(host: str, private: bool) -> None:
    try:
        url = check_url(f"https://{host}/hook", private=private)
    except ValueError as exc:
        assert str(exc).startswith(("is ", "must "))
        return
    taken = httpx.URL(url).raw_host.decode()
    if not is_address(taken):
        assert fault_of_name(taken) is None
        assert all(0 < len(label) <= 63 for label in taken.removesuffix(".").split("."))
        encode_everywhere(taken)
    # Its one spelling is its own.
    assert check_url(url, private=private) == url


ORDINARY = st.from_regex(r"[a-wyz]([a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True)


@given(st.lists(ORDINARY, min_size=1, max_size=8), st.booleans())
def test_an_ordinary_name_is_taken_with_and_without_the_dot_at_its_end(labels: list[str], dot: bool) -> None:
    assert fault_of_name(".".join(labels) + "." * dot) is None


@given(st.text(st.characters(min_codepoint=0xE0, max_codepoint=0x17F), min_size=1, max_size=20))
def test_a_name_that_idna_encodes_is_taken(label: str) -> None:
    try:
        encoded = idna.encode(label).decode()
    except idna.IDNAError:
        return
    assert fault_of_name(encoded + ".example.com") is None


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("", "a host"), (".", "a host"), ("a.b..c", "empty part"), (".a", "empty part"), ("a..", "empty part"),
        ("a" * 64, "63 characters"), ("b." + "a" * 64 + ".c", "63 characters"),
        (".".join(["a" * 50] * 5), "253 characters"), ("xn--.com", "a host"),
        ("-a.b", "a host"), ("a.b-", "a host"), ("a-.b", "a host"), ("a b", "a host"), ("a%20b", "a host"),
        ("ä", "a host"), ("A", "a host"), ("a:b", "a host"), ("xn--a.com", "decoded"), ("www.xn--a.com", "decoded"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_name_is_said(host: str, says: str) -> None:
    fault = fault_of_name(host)
    assert fault is not None
    assert fault.startswith("must name")
    assert says in fault


@pytest.mark.parametrize(
    "host",
    ["a" * 63, ".".join(["a" * 49] * 5) + ".abc", "xn--mnchen-3ya.de", "r3---sn-x.example.com", "my_service"],
)
def test_names_at_the_edges_are_taken(host: str) -> None:
    assert fault_of_name(host) is None


@pytest.mark.parametrize(
    ("port", "ok"), [(0, False), (1, True), (65535, True), (65536, False), (99999, False)]
)
def test_a_port_is_one_that_there_is(port: int, ok: bool) -> None:
    url = f"https://8.8.8.8:{port}/"
    if ok:
        assert check_url(url, private=True) == url
        return
    for private in (True, False):
        with pytest.raises(ValueError, match="port"):
            check_url(url, private=private, ports=(1,))

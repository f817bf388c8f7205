"""Origins: however one is spelled it is one, and no other passes for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.contract.origin import AllowedOrigins, is_own, parse_origin

HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z]{2,5}){0,2}", fullmatch=True) | st.just(
    "[2001:db8::1]"
)
WEB = {"http": 80, "https": 443}


@given(st.sampled_from(sorted(WEB)), HOSTS, st.integers(1, 65535), st.data())
def test_every_spelling_of_a_listed_origin_is_listed_and_another_port_or_scheme_is_not(
    scheme: str, host: str, port: int, data: st.DataObject
) -> None:
    plain = f"{scheme}://{host}" if port == WEB[scheme] else f"{scheme}://{host}:{port}"
    spelled = {plain, plain.upper(), f"{scheme}://{host.upper()}:{port}", f"{scheme.title()}://{host}:{port}"}
    listed = AllowedOrigins([data.draw(st.sampled_from(sorted(spelled)))])
    assert all(listed.holds(spelling) for spelling in spelled)
    other = data.draw(st.integers(1, 65535).filter(lambda number: number != port))
    for foreign in (
        f"{scheme}://{host}:{other}",
        f"{scheme}://x{host}:{port}" if host[0] != "[" else f"{scheme}://[::1]:{port}",
        f"{scheme}://{host}.evil.example:{port}",
        f"{plain}/",
        f"{plain}@evil.example",
        f"x{plain}",
        "null",
        "",
        host,
    ):
        assert not listed.holds(foreign), foreign


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_passes_as_an_origin_by_accident(origin: str, host: str) -> None:
    listed = AllowedOrigins(["https://till.example"])
    if listed.holds(origin):
        assert parse_origin(origin) == parse_origin("https://till.example")
    if is_own(origin, host):
        parsed = parse_origin(origin)
        assert parsed is not None
        assert parsed.host == host.rpartition(":")[0].lower() or parsed.host == host.lower()


@pytest.mark.parametrize("word", ["null", "file://"])
def test_pages_without_an_origin_come_in_by_their_word_alone(word: str) -> None:
    assert AllowedOrigins([word]).holds(word)
    assert not AllowedOrigins(["https://till.example"]).holds(word)
    assert not AllowedOrigins([word]).holds("https://till.example")


def test_a_star_lists_every_page() -> None:
    listed = AllowedOrigins(["*"])
    assert listed.any
    assert all(
        listed.holds(origin) for origin in ("null", "file://", "https://anybody.example:8443", "app://x")
    )


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "till.example",
        "https://",
        "https://till.example/",
        "https://till.example/page",
        "https://a b",
        "**",
    ],
)
def test_what_is_no_origin_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        AllowedOrigins(["https://till.example", entry])


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("https://pos.example.com", "pos.example.com:443", True),
        ("https://pos.example.com:443", "pos.example.com", True),
        ("https://POS.example.com", "pos.EXAMPLE.com:80", True),
        ("http://pos.example.com:80", "pos.example.com:443", True),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://[::1]:8080", "[::1]:8080", True),
        ("https://pos.example.com:8443", "pos.example.com", False),
        ("https://pos.example.com", "pos.example.com:8443", False),
        ("https://pos.example.com", "example.com", False),
        ("https://pos.example.com.evil.example", "pos.example.com", False),
        ("file://pos.example.com", "pos.example.com", False),
        ("app://pos.example.com", "pos.example.com", False),
        ("://pos.example.com", "pos.example.com", False),
        ("pos.example.com", "pos.example.com", False),
        ("null", "null", False),
        ("https://pos.example.com", "", False),
    ],
)
def test_a_page_is_our_own_by_host_and_port_where_the_webs_two_ports_and_none_are_one(
    origin: str, host: str, own: bool
) -> None:
    assert is_own(origin, host) is own

"""Where Redis is, read from one setting; and the map of which server has which slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from backbone.eventlog.keys import live_channel, stream_key
from backbone.eventlog.slot_map import NOTHING_KNOWN, SLOTS, SlotMap, slot_of
from backbone.runtime.redis_url import Address, RedisPlace, Shape
from backbone.runtime.settings import InvalidSettings, PodSettings, load_settings

hosts = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{1,5})?", fullmatch=True) | st.just("::1")
addresses = st.builds(Address, hosts, st.integers(1, 65535))
seeds = st.lists(addresses, min_size=1, max_size=5)
logins = st.sampled_from(["", "user:word@", ":word@"])


@given(seeds, logins)
def test_a_cluster_is_the_servers_it_names(named: list[Address], login: str) -> None:
    place = RedisPlace.parse(f"redis+cluster://{login}{','.join(map(str, named))}")
    assert (place.shape, place.seeds) == (Shape.CLUSTER, tuple(named))
    assert place.url_of(named[0]) == f"redis://{login}{named[0]}"


@given(seeds, logins, st.integers(0, 15))
def test_sentinels_are_asked_for_the_primary_of_that_name_and_it_gets_login_and_database(
    named: list[Address], login: str, database: int
) -> None:
    place = RedisPlace.parse(f"rediss+sentinel://{login}{','.join(map(str, named))}/till?db={database}")
    assert (place.shape, place.seeds, place.primary_name) == (Shape.SENTINEL, tuple(named), "till")
    assert place.url_of(Address("primary", 7000)) == f"rediss://{login}primary:7000/{database}"


@pytest.mark.parametrize(
    "text",
    [
        "redis://localhost:6379/0",
        "redis://:word@host/3?health_check_interval=5",
        "rediss://u:p@host:1/0",
        "unix:///a/b.sock?db=1",
    ],
)
def test_one_server_keeps_its_url(text: str) -> None:
    place = RedisPlace.parse(text)
    assert place.shape is Shape.SINGLE
    assert place.url_of(place.seeds[0]) == text.replace("@host/", "@host:6379/")


def test_ports_that_are_left_away_are_the_usual_ones_and_sentinels_have_a_login_of_their_own() -> None:
    place = RedisPlace.parse("redis+sentinel://:data@a,b:1/till?sentinel_password=ask&ssl_cert_reqs=none")
    assert place.seeds == (("a", 26379), ("b", 1))
    assert place.sentinel_login == ("", "ask")
    assert place.url_of(Address("c", 2)) == "redis://:data@c:2/0?ssl_cert_reqs=none"
    assert RedisPlace.parse("redis+cluster://a,b:1").seeds == (("a", 6379), ("b", 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "redis:/host",
        "http://host",
        "redis://secret@",
        "redis://a:1,secret:2/0",
        "redis://secret:port/0",
        "unix://",
        "redis+sentinel://secret:1",
        "redis+sentinel://secret:1/a/b",
        "redis+sentinel://secret:1/a?db=x",
        "redis+cluster://secret:1/2",
        "redis+cluster://secret:1,,b:2",
        "redis+cluster://",
    ],
)
def test_a_wrong_url_stops_the_pod_with_a_sentence_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(PodSettings, database_url="postgresql://u@h/d", redis_url=text)
    assert str(caught.value).startswith("BELLWIRE_REDIS_URL: ")
    assert "secret" not in str(caught.value)


slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(slugs)
def test_a_tenants_stream_and_channel_are_in_one_slot_whatever_its_name(slug: str) -> None:
    assert slot_of(stream_key(slug)) == slot_of(live_channel(slug)) == key_slot(slug.encode())


@given(slugs, addresses, addresses)
def test_a_slot_that_moved_takes_its_tenants_along_and_no_others(
    slug: str, home: Address, other: Address
) -> None:
    slot = slot_of(stream_key(slug))
    moved = SlotMap.of_one(home).moved(slot, other)
    assert moved.owner(stream_key(slug)) == other
    assert sum(owner == home for owner in moved.owners) >= SLOTS - 1
    assert moved.servers == {home, other}
    assert NOTHING_KNOWN.owner(slug) is None


def test_ranges_are_inclusive_and_what_nobody_has_is_nobodys() -> None:
    slot_map = SlotMap.of_ranges([(0, 9, Address("a", 1)), (10, 10, Address("b", 2))])
    assert slot_map.owners[:12] == (*[("a", 1)] * 10, ("b", 2), None)

"""The embedded Valkey: a real server, there when asked for, gone when not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from infra.local.valkey import Valkey, answers
from tests.local.processes import all_gone, is_running


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


def test_it_answers_as_soon_as_start_returns(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        assert client.xadd("stream", {"a": "b"}, id="1-1") == b"1-1"


def test_stop_ends_the_process_and_can_be_said_twice(valkey: Valkey) -> None:
    pid = valkey.pid
    valkey.stop()
    valkey.stop()
    assert not is_running(pid)
    assert not answers(valkey.port)


def test_a_killed_one_comes_back_empty_on_the_same_port(valkey: Valkey) -> None:
    pid, url = valkey.pid, valkey.url
    with redis.Redis.from_url(url) as client:
        client.set("key", "value")
    valkey.kill()
    assert all_gone([pid], 1.0)
    assert not valkey.alive
    valkey.start()
    assert valkey.pid != pid
    assert valkey.url == url
    with redis.Redis.from_url(url) as client:
        assert client.get("key") is None


def test_with_append_only_a_killed_one_keeps_what_it_was_told() -> None:
    server = Valkey(append_only=True)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("key", "value")
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("key") == b"value"
    finally:
        server.stop()


def test_two_at_once_share_nothing(valkey: Valkey) -> None:
    other = Valkey()
    other.start()
    try:
        assert other.port != valkey.port
        with redis.Redis.from_url(valkey.url) as mine, redis.Redis.from_url(other.url) as theirs:
            mine.set("key", "value")
            assert theirs.get("key") is None
    finally:
        other.stop()


def test_one_with_a_password_lets_nobody_in_without_and_tells_no_list_of_processes() -> None:
    server = Valkey(password="a-password-of-its-own")
    server.start()
    try:
        assert not answers(server.port)
        assert answers(server.port, "a-password-of-its-own")
        with (
            redis.Redis(port=server.port) as client,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            client.ping()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()
        words = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert b"a-password-of-its-own" not in words
        assert (server.folder / "password.conf").stat().st_mode & 0o077 == 0
    finally:
        server.stop()

"""Every kind of answer is read as valkey-cli shows it, and an error is one sentence."""

import pytest

from infra.local.failure import CannotStart
from infra.local.ports import free_port
from infra.local.valkey import Valkey
from infra.local.valkey_words import say


def test_each_kind_of_answer_is_its_lines(valkey: Valkey) -> None:
    script = "return {1, 'two', {'three\\nfour', ''}, redis.status_reply('five')}"
    assert say(valkey.port, "eval", script, "0") == ["1", "two", "three", "four", "five"]
    assert say(valkey.port, "set", "valkey-words", "a\r\nb") == ["OK"]
    assert say(valkey.port, "get", "valkey-words") == ["a", "b"]
    assert say(valkey.port, "get", "valkey-words-none") == []


def test_an_error_and_a_server_that_is_not_there_are_said(valkey: Valkey) -> None:
    with pytest.raises(CannotStart, match="unknown command"):
        say(valkey.port, "nonsense")
    with pytest.raises(CannotStart, match="did not answer ping"):
        say(free_port(), "ping")

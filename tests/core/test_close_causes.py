"""The end of a connection has a word, and the ends that come by the thousand are told from the others."""

import pytest

from backbone.contract.errors import CloseCode
from backbone.contract.trace import trace_id
from gateway.core.close_causes import LOST, cause_of, is_ordinary


@pytest.mark.parametrize("code", CloseCode)
def test_each_code_of_ours_is_a_word_of_its_own(code: CloseCode) -> None:
    assert cause_of(int(code)) == code.name.lower()


def test_a_loss_and_a_strangers_code_have_words_too() -> None:
    assert (cause_of(LOST), cause_of(3000), cause_of(4999)) == ("lost", "other", "other")


def test_tills_go_by_themselves_and_with_their_pod_and_network_all_day_long() -> None:
    assert {code for code in range(1000, 5000) if is_ordinary(code)} == {1000, 1001, 1006, 1012}


def test_a_trace_is_known_by_its_id() -> None:
    assert trace_id(f"00-{32 * 'a'}-{16 * 'b'}-01") == 32 * "a"
    assert trace_id(None) is None

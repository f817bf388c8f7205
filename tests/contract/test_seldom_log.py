"""The deeds of strangers are told at once, then once a minute with how often; bounded by addresses, and in all."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from backbone.runtime.seldom_log import ADDRESSES, AGAIN_SECONDS, LINES, SeldomLog


class Lines(logging.Logger):
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__("lines")
        self.kept: list[tuple[str, str | None, int]] = []

    def handle(self, record: logging.LogRecord) -> None:
        facts = vars(record)
        self.kept.append((record.getMessage(), facts["address"], facts["times"]))


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 40)), max_size=200))
def test_a_line_a_minute_of_each_address_and_none_is_left_uncounted(steps: list[tuple[int, float]]) -> None:
    now, lines = 1000.0, Lines()
    seldom = SeldomLog(lines, lambda: now)
    happened: dict[str, int] = {}
    told_at: dict[str, float] = {}
    for number, pause in steps:
        now += pause
        address = f"192.0.2.{number}"
        before = len(lines.kept)
        seldom.say("access.refused", address)
        happened[address] = happened.get(address, 0) + 1
        if len(lines.kept) > before:
            assert lines.kept[-1] == ("access.refused", address, happened[address])
            assert now - told_at.get(address, float("-inf")) >= AGAIN_SECONDS
            told_at[address], happened[address] = now, 0
        else:
            assert now - told_at[address] < AGAIN_SECONDS


def test_of_addresses_without_number_few_lines_are_written_and_few_are_remembered() -> None:
    lines = Lines()
    seldom = SeldomLog(lines, lambda: 0.0)
    for number in range(ADDRESSES + 500):
        seldom.say("access.refused", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
    assert len(lines.kept) == LINES.count
    assert len(seldom._told) == ADDRESSES


def test_a_network_of_ipv6_is_one_address_and_another_event_is_told_for_itself() -> None:
    lines = Lines()
    seldom = SeldomLog(lines, lambda: 0.0)
    for number in range(5):
        seldom.say("access.refused", f"2001:db8::{number:x}")
    seldom.say("access.limited", "2001:db8::9")
    assert [event for event, _, _ in lines.kept] == ["access.refused", "access.limited"]

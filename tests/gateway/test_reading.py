"""A connection's reading in a gateway's memory: stretches, forks, and what is written of them."""

from uuid import uuid4

from backbone.contract.offset import Offset
from backbone.runtime.client import Client, client_of
from gateway.rooms.reading import Reading


def words(reading: Reading, sent: int) -> list[tuple[int, int, int, int, int | None]]:
    return [(p.stretch, p.epoch, p.began, p.sent, p.said) for p in reading.progress(sent, 0.0)]


def test_there_is_no_news_until_something_moves_and_again_when_it_is_written() -> None:
    reading = Reading(uuid4(), Offset(1, 5))
    assert not reading.moved(5)
    assert reading.moved(6)
    reading.wrote(reading.progress(6, 0.0))
    assert not reading.moved(6)


def test_an_ack_never_goes_back_and_says_how_long_ago_it_was() -> None:
    reading = Reading(uuid4(), Offset(1, 0))
    reading.ack(4, 10.0)
    reading.ack(3, 20.0)
    [progress] = reading.progress(9, 10.5)
    assert (progress.said, progress.said_ago) == (4, 0.5)


def test_a_reset_splits_a_reading_and_an_ack_counts_for_the_stretch_before_as_far_as_it_came() -> None:
    reading = Reading(uuid4(), Offset(1, 0))
    reading.skip(5, 8)
    assert words(reading, 8) == [(0, 1, 0, 5, None), (1, 1, 8, 8, None)]
    reading.ack(12, 1.0)
    news = reading.progress(12, 1.0)
    assert [(p.stretch, p.said) for p in news] == [(0, 5), (1, 12)]
    assert news[0].ended_ago == 0.0
    reading.wrote(news)
    assert words(reading, 13) == [(1, 1, 8, 13, 12)]


def test_a_skip_while_news_is_written_is_written_the_next_time() -> None:
    reading = Reading(uuid4(), Offset(1, 0))
    news = reading.progress(5, 0.0)
    reading.skip(5, 8)
    reading.wrote(news)
    assert reading.moved(8)
    assert words(reading, 8) == [(0, 1, 0, 5, None), (1, 1, 8, 8, None)]


def test_a_fork_takes_what_lay_behind_it() -> None:
    reading = Reading(uuid4(), Offset(1, 4))
    reading.ack(9, 1.0)
    reading.wrote(reading.progress(9, 1.0))
    reading.fork(6, 7)
    assert reading.moved(9)
    assert words(reading, 6) == [(0, 7, 4, 6, 6)]
    reading.fork(2, 8)
    assert words(reading, 2) == [(0, 8, 2, 2, 2)]


def test_a_reading_that_ended_stands_where_it_ended() -> None:
    reading = Reading(uuid4(), Offset(1, 0))
    reading.end(5, 1006, 10.0)
    [progress] = reading.progress(99, 12.0)
    assert (progress.sent, progress.code, progress.ended_ago) == (5, 1006, 2.0)


def test_a_client_is_where_the_last_forwarder_saw_it_where_that_one_is_trusted() -> None:
    headers = [(b"x-forwarded-for", b"6.6.6.6, 10.1.2.3"), (b"user-agent", b"till " * 100)]
    peer = ("127.0.0.1", 4711)
    agent = ("till " * 100)[:256]
    assert client_of(headers, peer, trust_forwarded_for=True) == Client("10.1.2.3", agent)
    assert client_of(headers, peer, trust_forwarded_for=False) == Client("127.0.0.1", agent)
    assert client_of([], None, trust_forwarded_for=True) == Client()

"""Two devices with one key are told by their exchanges; one device that comes back, however often, is one device."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from api.core.shared_key import EXCHANGES, QUICK_SECONDS, WINDOW_SECONDS, Device, Held, is_shared

COUNTER: Device = ("192.0.2.1", "till/1")
COPY: Device = ("198.51.100.7", "till/1")
NOW = 1_000_000.0


def history(lives: list[tuple[Device, float, bool]], end: float = NOW) -> list[Held]:
    """Connections one behind the other: device, how long it lasted, whether the next one replaced it. The last one is
    there still."""
    began = end - sum(life for _, life, _ in lives)
    held = []
    for place, (device, life, replaced) in enumerate(lives):
        last = place == len(lives) - 1
        held.append(Held(began, None if last else began + life, replaced and not last, device))
        began += life
    return held


LIVES = st.floats(QUICK_SECONDS, 60)


@given(st.lists(LIVES, min_size=EXCHANGES + 1, max_size=9))
def test_two_devices_that_throw_each_other_out_are_told_however_long_each_stays(lives: list[float]) -> None:
    devices = itertools.cycle([COUNTER, COPY])
    assert is_shared(history([(next(devices), life, True) for life in lives]), NOW)


@given(st.lists(st.floats(0.1, QUICK_SECONDS - 0.1), min_size=EXCHANGES + 1, max_size=20))
def test_two_devices_that_look_alike_are_told_when_they_are_quick(lives: list[float]) -> None:
    assert is_shared(history([(COUNTER, life, True) for life in lives]), NOW)


@given(st.lists(st.tuples(st.floats(QUICK_SECONDS, 3600), st.booleans()), max_size=60))
def test_one_device_that_loses_its_network_again_and_again_is_one(lives: list[tuple[float, bool]]) -> None:
    assert not is_shared(history([(COUNTER, life, replaced) for life, replaced in lives]), NOW)


@given(
    st.lists(
        st.tuples(st.sampled_from([COUNTER, COPY]), st.floats(0, 600), st.booleans()), max_size=EXCHANGES
    )
)
def test_up_to_three_exchanges_are_no_sign(lives: list[tuple[Device, float, bool]]) -> None:
    assert not is_shared(history(lives), NOW)


@given(st.lists(st.tuples(st.sampled_from([COUNTER, COPY]), st.floats(0, 600)), max_size=40))
def test_connections_that_ended_by_themselves_are_no_sign(lives: list[tuple[Device, float]]) -> None:
    assert not is_shared(history([(device, life, False) for device, life in lives]), NOW)


@given(st.lists(LIVES, max_size=12))
def test_a_device_that_moves_from_address_to_address_and_never_back_is_one(lives: list[float]) -> None:
    assert not is_shared(
        history([((f"192.0.2.{place}", "till/1"), life, True) for place, life in enumerate(lives)]), NOW
    )


@given(st.lists(st.floats(0.1, 60), min_size=EXCHANGES + 1, max_size=9), st.floats(0.1, 10**6))
def test_what_is_over_for_ten_minutes_is_over(lives: list[float], since: float) -> None:
    devices = itertools.cycle([COUNTER, COPY])
    held = history([(next(devices), life, True) for life in lives], NOW - WINDOW_SECONDS - 60 - since)
    assert not is_shared(held, NOW)


def test_nobody_connected_shares_nothing() -> None:
    assert not is_shared([], NOW)

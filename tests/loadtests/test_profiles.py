"""A profile's course is what its words say, whatever the size; a wrong setting is told, all of them at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.core.people import users_for
from loadtests.core.profiles import PROFILES, Size
from loadtests.core.settings import address, is_local, sized

ROOT = Path(__file__).resolve().parents[2]
SIZE = Size(100, 500, 20.0, 120.0)
# A process of its own: locust changes Python's sockets for all who import it.
A_COURSE_THAT_FAILS = """
from types import SimpleNamespace
from loadtests.shape import CourseShape

shape = CourseShape()
# It lacks its course.
shape.distribution = SimpleNamespace(running=SimpleNamespace(began=1.0, settling=False), give_up=print)
print(shape.tick())
"""


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_warms_up_at_its_first_rate_and_then_does_something(name: str) -> None:
    profile = PROFILES[name]
    course = profile.course(profile.size)
    assert course.stages[0].name == "warm-up"
    assert course.stages[0].seconds == profile.size.warm_up_seconds
    assert course.seconds > profile.size.warm_up_seconds
    assert all(stage.rate > 0 and 0 <= stage.hot_share < 1 for stage in course.stages)
    assert all(profile.size.warm_up_seconds < act.at < course.seconds for act in course.acts)
    assert profile.line
    assert profile.text


def test_a_ramp_rises_by_a_quarter_and_stops_at_its_knee() -> None:
    course = PROFILES["ramp"].course(SIZE)
    rates = [stage.rate for stage in course.stages[1:]]
    assert rates[:3] == [20.0, 25.0, 31.25]
    assert course.stops_at_knee


def test_at_lunch_a_tenth_of_the_shops_has_ten_times_its_orders_and_the_others_theirs() -> None:
    lunch = PROFILES["lunch"].course(SIZE).stages[2]
    assert lunch.hot_shops == 10
    assert lunch.rate * lunch.hot_share / 10 == pytest.approx(10 * 20 / 100)
    assert lunch.rate * (1 - lunch.hot_share) / 90 == pytest.approx(20 / 100)


def test_a_storm_cuts_everybody_twice_and_a_deploy_comes_once() -> None:
    assert [act.share for act in PROFILES["storm"].course(SIZE).acts if act.what == "cut"] == [1.0, 1.0]
    assert [act.what for act in PROFILES["rolling"].course(SIZE).acts] == ["deploy"]


def test_the_stage_of_a_moment_ends_with_the_course() -> None:
    course = PROFILES["lunch"].course(SIZE)
    assert [course.number_at(moment) for moment in (0.0, 9.9, 10.0, 50.0, 129.9, 130.0)] == [
        0,
        0,
        1,
        2,
        3,
        None,
    ]
    assert course.stage_at(1e9) is None


def test_what_is_asked_for_goes_over_the_profile_s_size() -> None:
    size, wrong = sized(SIZE, {"rate": 7.5, "shops": None, "terminals": 10})
    assert (size.rate, size.shops, size.terminals, wrong) == (7.5, 100, 10, [])


def test_every_wrong_setting_is_told_at_once() -> None:
    _, wrong = sized(SIZE, {"rate": 0.0, "shops": 0, "streaming": 0.8, "polling": 0.7})
    assert [text.split()[0] for text in wrong] == ["--shops", "--rate", "--streaming"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost", "https://[::1]:1", "http://a.localhost:2"]
)
def test_this_machine_is_known_by_its_words(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://orders.example.com", "http://0.0.0.0", "http://localhost.example.com"]
)
def test_any_other_address_is_not_this_machine(url: str) -> None:
    assert not is_local(url)


@pytest.mark.parametrize(
    "url", ["", "orders.example.com", "ftp://x", "http://", "http://x/y", "http://u:p@x", "http://x:99999"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    assert address(url)[1] is not None


def test_users_of_all_kinds_together_place_the_rate() -> None:
    assert users_for(100.0, Size(1, 1, 1.0, 1.0, clients=4)) == 227
    assert users_for(0.1, Size(1, 1, 1.0, 1.0, clients=0)) == 3


def test_a_fault_of_the_course_ends_the_run_as_one_that_measured_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", A_COURSE_THAT_FAILS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    why, users = done.stdout.splitlines()
    assert why.startswith("a fault of the load test: AttributeError(")
    assert users == "None"
    assert "Traceback" in done.stderr

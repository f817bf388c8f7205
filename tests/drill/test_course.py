"""The course of an alert is read right, and a fault is judged by what it has to bring and by nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from drill.course import Courses, wrong_with
from drill.fault import Fault
from drill.faults import FAULTS, UNDRIVEN
from drill.place import Place
from tests.monitoring.test_rules import alerts


@contextmanager
def broken(_: Place) -> Iterator[None]:
    yield


FAULT = Fault("a-fault", "something", broken, fires=("A",), may={"B": "of course"}, lasts={"L": "for a day"})


def said(name: str, state: str, severity: str = "page") -> dict[str, dict[str, str] | str]:
    return {"labels": {"alertname": name, "severity": severity}, "state": state}


def test_an_alert_is_pending_fires_and_ends_at_the_moments_at_which_it_was_seen_so() -> None:
    courses = Courses()
    for now, state in ((1.0, "pending"), (2.0, "pending"), (3.0, "firing"), (4.0, "firing")):
        courses.take([said("A", state)], now)
    courses.told("A", 3.5)
    courses.kept_back("A", "C")
    courses.take([], 5.0)
    (course,) = courses.all()
    assert (course.pending, course.firing, course.told, course.ended) == (1.0, 3.0, 3.5, 5.0)
    assert course.kept_back_by == {"C"}
    assert not course.is_firing


def test_of_several_series_one_that_fires_is_enough_and_one_that_comes_again_is_counted() -> None:
    courses = Courses()
    courses.take([said("A", "pending"), said("A", "firing"), said("A", "pending")], 1.0)
    courses.take([], 2.0)
    courses.take([said("A", "firing")], 3.0)
    (course,) = courses.all()
    assert (course.firing, course.ended, course.times) == (1.0, None, 2)


def test_what_reaches_nobody_is_no_alert() -> None:
    courses = Courses()
    courses.take([said("BellwireExplained", "firing", "none")], 1.0)
    assert courses.all() == []


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        ({"A": "ended"}, []),
        ({"A": "ended", "B": "ended", "P": "pending"}, []),
        ({}, ["A did not fire"]),
        ({"A": "pending"}, ["A did not fire"]),
        ({"A": "firing"}, ["A did not end"]),
        ({"A": "ended", "Z": "ended"}, ["Z fired, and does not belong to this"]),
    ],
)
def test_a_fault_is_wrong_where_an_alert_is_missing_stays_or_does_not_belong_to_it(
    states: dict[str, str], wrong: list[str]
) -> None:
    courses = Courses()
    courses.take(
        [said(name, "pending" if state == "pending" else "firing") for name, state in states.items()], 1.0
    )
    courses.take([said(name, state) for name, state in states.items() if state != "ended"], 2.0)
    assert wrong_with(FAULT, courses.all(), ended_all="firing" not in states.values()) == wrong


def test_an_alert_that_is_known_to_last_may_go_on() -> None:
    fault = Fault("a-fault", "something", broken, fires=("L",), lasts={"L": "for a day"})
    courses = Courses()
    courses.take([said("L", "firing")], 1.0)
    assert wrong_with(fault, courses.all(), ended_all=False) == []


def test_every_fault_speaks_of_alerts_that_there_are_and_is_called_as_its_module() -> None:
    known = {alert["alert"] for alert in alerts()}
    for name, fault in FAULTS.items():
        assert {*fault.fires, *fault.may, *fault.lasts} <= known, name
        assert fault.broken.__module__ == f"drill.faults.{name.replace('-', '_')}"


def test_every_alert_is_brought_about_by_a_fault_or_stands_in_the_list_of_those_that_are_not() -> None:
    driven = {name for fault in FAULTS.values() for name in (*fault.fires, *fault.may)}
    assert {alert["alert"] for alert in alerts()} - driven == UNDRIVEN.keys()

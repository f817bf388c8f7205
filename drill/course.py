"""The course of each alert through a fault, out of what Prometheus and Alertmanager said second by second.

Pure: moments come in, seconds go out. Knows the states of an alert. Does not know any server.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drill.fault import Fault

# It reaches nobody, and stands for another one.
NOBODY = "none"


@dataclass(slots=True)
class Course:
    """One alert, all its series together: the moments of its first steps, and of its last end."""

    alert: str
    severity: str
    pending: float | None = None
    firing: float | None = None
    told: float | None = None
    ended: float | None = None
    kept_back_by: set[str] = field(default_factory=set)
    # More than 1: it ended, and came again.
    times: int = 0
    _state: str = ""

    def step(self, state: str, now: float) -> None:
        """Take its state at a moment: `pending`, `firing` or "" for neither."""
        if state and self.pending is None:
            self.pending = now
        if state == "firing" and self._state != "firing":
            self.firing = self.firing or now
            self.ended = None
            self.times += 1
        if state != "firing" and self._state == "firing":
            self.ended = now
        self._state = state

    @property
    def is_firing(self) -> bool:
        return self._state == "firing"


class Courses:
    """The alerts that were seen since the fault began."""

    def __init__(self) -> None:
        self._known: dict[str, Course] = {}

    def take(self, alerts: Iterable[Mapping[str, Mapping[str, str] | str]], now: float) -> None:
        """Take Prometheus' word on its alerts at a moment."""
        states: dict[str, str] = {}
        for each in alerts:
            labels = each["labels"]
            assert isinstance(labels, Mapping)
            name = labels["alertname"]
            if labels.get("severity") == NOBODY:
                continue
            states[name] = "firing" if "firing" in (each["state"], states.get(name)) else "pending"
            self._known.setdefault(name, Course(name, labels.get("severity", "")))
        for name, course in self._known.items():
            course.step(states.get(name, ""), now)

    def told(self, name: str, now: float) -> None:
        """Somebody was told of a firing alert."""
        course = self._known.get(name)
        if course is not None and course.told is None:
            course.told = now

    def kept_back(self, name: str, by: str) -> None:
        """Alertmanager keeps an alert to itself since another one explains it."""
        if name in self._known:
            self._known[name].kept_back_by.add(by)

    def of(self, name: str) -> Course | None:
        return self._known.get(name)

    def all(self) -> list[Course]:
        """All of them, by the moment at which they fired, those that only pended at the end."""
        return sorted(
            self._known.values(), key=lambda each: (each.firing is None, each.firing or each.pending or 0)
        )


def wrong_with(fault: Fault, courses: list[Course], ended_all: bool) -> list[str]:
    """The sentences about what is not as the fault says; none when all is."""
    fired = {course.alert: course for course in courses if course.firing is not None}
    found = [f"{name} did not fire" for name in fault.fires if name not in fired]
    found += [
        f"{name} fired, and does not belong to this"
        for name in fired
        if name not in fault.fires and name not in fault.may
    ]
    if not ended_all:
        found += [
            f"{name} did not end"
            for name, course in fired.items()
            if course.is_firing and name not in fault.lasts
        ]
    return found

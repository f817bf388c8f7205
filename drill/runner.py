"""Bring a fault about, look at the alerts second by second, mend it, and wait until all of them have ended."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx

from drill.course import Courses, wrong_with
from drill.fault import Fault
from drill.place import Place
from drill.record import Row

LOOK_SECONDS = 1.0
# Behind the longest short window of a page, five minutes, and a few scrapes more.
END_SECONDS = 600.0
Say = Callable[[str], None]


class Look:
    """A thread that asks Prometheus and Alertmanager again and again."""

    def __init__(self, place: Place, every: float) -> None:
        self.courses = Courses()
        self._place = place
        self._every = every
        self._began = time.time()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="look", daemon=True)

    def __enter__(self) -> "Look":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self._every):
            # A machine that is busy with a fault may be slow to answer: the next look says it.
            with suppress(httpx.HTTPError):
                self._once()

    def _once(self) -> None:
        monitoring, now = self._place.monitoring, time.time()
        self.courses.take(monitoring.prometheus.alerts(), now)
        known = monitoring.alertmanager.alerts()
        names = {each["fingerprint"]: each["labels"]["alertname"] for each in known}
        for each in known:
            for source in each["status"]["inhibitedBy"]:
                if source in names:
                    self.courses.kept_back(each["labels"]["alertname"], names[source])
        for word in self._place.listener.words_since(self._began):
            if word.firing:
                self.courses.told(word.alert, word.at)


def run_fault(place: Place, fault: Fault, say: Say) -> Row:
    """Run one fault from a whole cluster to a whole cluster.

    Raises:
        TimeoutError: the cluster was not whole before or after it.
    """
    factor = place.factor
    place.await_well()
    place.watch()
    place.warm_up(fault.warm)
    with Look(place, min(LOOK_SECONDS, place.scrape_seconds / 4)) as look:
        time.sleep(2 * place.scrape_seconds)
        before = [course.alert for course in look.courses.all() if course.is_firing]
        say(f"{fault.name}: {fault.says}")
        place.mark()
        with fault.broken(place):
            began = place.broken_at
            deadline = began + (fault.patience if fault.fires else fault.stays) / factor
            least = began + fault.stays / factor
            while time.time() < deadline and not (time.time() >= least and all_fire(look.courses, fault)):
                time.sleep(LOOK_SECONDS / 2)
            # Alertmanager waits for others of its group before it tells.
            time.sleep(min(25.0, 25.0 / factor + 2 * place.scrape_seconds))
            mended = time.time()
        place.await_well()
        whole = time.time()
        ended = await_end(look.courses, whole + END_SECONDS / factor, set(fault.lasts), place.scrape_seconds)
    courses = look.courses.all()
    wrong = [f"{name} fired before" for name in before] + wrong_with(fault, courses, ended)
    return Row.of(fault, courses, began, mended, factor, wrong)


def all_fire(courses: Courses, fault: Fault) -> bool:
    found = [courses.of(name) for name in fault.fires]
    return bool(found) and all(course is not None and course.is_firing for course in found)


def await_end(courses: Courses, deadline: float, lasts: set[str], scrape_seconds: float) -> bool:
    """Wait until nothing fires but what is known to last; whether that came."""
    quiet_since: float | None = None
    while time.time() < deadline:
        fire = [course for course in courses.all() if course.is_firing and course.alert not in lasts]
        if fire:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.time()
        elif time.time() - quiet_since > 3 * scrape_seconds:
            return True
        time.sleep(LOOK_SECONDS / 2)
    return not [course for course in courses.all() if course.is_firing and course.alert not in lasts]

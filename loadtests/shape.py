"""The course of a run as locust's load shape: so many users for each rate, and the end when all has settled."""

import logging
import time

import gevent
from locust import LoadTestShape

from loadtests.core.figures import Span, rows_of
from loadtests.core.knee import knee_of, steps_of
from loadtests.core.people import users_for
from loadtests.distribution import Distribution
from loadtests.running import Running

LOGGER = logging.getLogger(__name__)
SPAWN_RATE = 100.0
LOOK_SECONDS = 2.0
# Terminals tell once a second what they counted, and workers every three.
REPORTED_SECONDS = 5.0


class CourseShape(LoadTestShape):
    """Asks where the course is."""

    use_common_options = False

    def __init__(self) -> None:
        super().__init__()
        self.distribution: Distribution | None = None
        self._settling: gevent.Greenlet | None = None
        self._looked_at = 0.0
        self._beyond = False

    def tick(self) -> tuple[int, float] | None:
        """Users and how fast they come; None ends the test."""
        distribution = self.distribution
        if distribution is None or distribution.running is None:
            return None
        try:
            return self._users(distribution, distribution.running)
        except Exception as exc:
            # Locust would go on without a course, with users who have nothing to do.
            LOGGER.exception("the course failed")
            distribution.give_up(f"a fault of the load test: {exc!r}")
            return None

    def _users(self, distribution: Distribution, running: Running) -> tuple[int, float] | None:
        # The first tick is what starts the test; the course begins when the terminals are in.
        stage = running.course.stages[0] if running.began is None else running.stage()
        if stage is not None and not self._at_knee():
            return users_for(stage.rate, running.plan.size), SPAWN_RATE
        if self._settling is None:
            running.settling = True
            distribution.ended = distribution.ended or time.time()
            self._settling = gevent.spawn(distribution.settle)
        if self._settling.ready():
            return None
        # While all settles the users of the first stage stay, and do nothing.
        first = running.course.stages[0].rate
        return users_for(first, running.plan.size), SPAWN_RATE

    def _at_knee(self) -> bool:
        """Whether a ramp has found what it looks for."""
        assert self.distribution is not None
        running = self.distribution.running
        assert running is not None
        if not running.course.stops_at_knee or running.began is None:
            return False
        if not self._beyond and time.time() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.time()
            rows = rows_of(running.record, Span(int(running.began), int(time.time())))
            known = time.time() - REPORTED_SECONDS
            done = [step for step in steps_of(rows, running.course, running.began) if step.end <= known]
            self._beyond = knee_of(done, running.plan.service_level_ms, over=False).beyond is not None
        return self._beyond

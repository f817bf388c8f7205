"""The profiles of a load test: each is a course over time, made of stages and acts, for the size that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

STEP_SECONDS, STEP_FACTOR, MOST_STEPS = 15.0, 1.25, 24
FLAKY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much of what: `terminals` are the crowd's, of all `shops` together, and `rate` is orders a second, of all.

    Besides the crowd, `probes` shops have a terminal of each door and one that never acks, in a process of their own;
    these are what is measured. `streaming` and `polling` are shares of the crowd, `steps` is the share of orders that a
    cashier moves on, `clients` counts terminals that run the SDK's machine.
    """

    shops: int
    terminals: int
    rate: float
    seconds: float
    warm_up_seconds: float = 10.0
    probes: int = 20
    clients: int = 4
    streaming: float = 0.05
    polling: float = 0.02
    steps: float = 0.2
    webhooks: int = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of a run. `hot_share` of its orders go to `hot_shops` shops, the rest to all others evenly."""

    seconds: float
    rate: float
    hot_shops: int = 0
    hot_share: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done to the terminals, or to the cluster, `at` seconds of the measured time.

    `cut`: a share of the terminals loses its connection and comes back. `vanish`: the same, and the server is not told.
    `deploy`: the cluster's pods are changed for new ones.
    """

    at: float
    what: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """Stages and acts, over time. `stops_at_knee`: it ends after the first stage that is beyond the service level."""

    stages: tuple[Stage, ...]
    acts: tuple[Act, ...] = ()
    stops_at_knee: bool = False

    @property
    def seconds(self) -> float:
        """How long it takes at most."""
        return sum(stage.seconds for stage in self.stages)

    def stage_at(self, moment: float) -> Stage | None:
        """The stage at `moment` seconds from the start; None when it is over."""
        number = self.number_at(moment)
        return None if number is None else self.stages[number]

    def number_at(self, moment: float) -> int | None:
        """That stage's number."""
        end = 0.0
        for number, stage in enumerate(self.stages):
            end += stage.seconds
            if moment < end:
                return number
        return None

    def span_of(self, number: int) -> tuple[float, float]:
        """Where a stage begins and ends, in seconds from the start."""
        begin = sum(stage.seconds for stage in self.stages[:number])
        return begin, begin + self.stages[number].seconds


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of test. `line` says in a line what it is for, `text` what it does and when it passes."""

    name: str
    line: str
    text: str
    size: Size
    _course: Callable[[Size], Course]

    def course(self, size: Size) -> Course:
        """The course for a size; a warm-up at its first rate comes before it, and is not measured."""
        course = self._course(size)
        warm_up = replace(course.stages[0], seconds=size.warm_up_seconds, name="warm-up")
        acts = tuple(replace(act, at=act.at + size.warm_up_seconds) for act in course.acts)
        return replace(course, stages=(warm_up, *course.stages), acts=acts)


def _even(size: Size) -> Course:
    return Course((Stage(size.seconds, size.rate),))


def _ramp(size: Size) -> Course:
    steps = min(MOST_STEPS, max(2, int(size.seconds / STEP_SECONDS)))
    stages = [
        Stage(STEP_SECONDS, size.rate * STEP_FACTOR**step, name=f"step {step + 1}") for step in range(steps)
    ]
    return Course(tuple(stages), stops_at_knee=True)


def _lunch(size: Size) -> Course:
    hot = max(1, size.shops // 10)
    # A tenth of the shops has ten times its orders; the others have theirs.
    quiet = size.rate * (size.shops - hot) / size.shops
    busy = 10 * size.rate * hot / size.shops
    third = size.seconds / 3
    return Course(
        (
            Stage(third, size.rate, name="before"),
            Stage(third, quiet + busy, hot, busy / (quiet + busy), name="lunch"),
            Stage(third, size.rate, name="after"),
        )
    )


def _hot_shop(size: Size) -> Course:
    return Course((Stage(size.seconds, size.rate, 1, 0.5),))


def _storm(size: Size) -> Course:
    return Course(_even(size).stages, (Act(size.seconds / 6, "cut"), Act(size.seconds * 7 / 12, "cut")))


def _rolling(size: Size) -> Course:
    return Course(_even(size).stages, (Act(size.seconds / 4, "deploy"),))


def _flaky(size: Size) -> Course:
    acts = []
    at = FLAKY_SECONDS
    while at < size.seconds - FLAKY_SECONDS:
        acts += [Act(at, "cut", 0.05), Act(at + FLAKY_SECONDS / 2, "vanish", 0.02)]
        at += FLAKY_SECONDS
    return Course(_even(size).stages, tuple(acts))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            "Does it work at all? A few shops for a few seconds.",
            "Every kind of user and every door once. For CI, and before a longer run.",
            Size(6, 12, 5.0, 10.0, warm_up_seconds=5.0, probes=6, clients=2),
            _even,
        ),
        Profile(
            "steady",
            "Is the service level kept at an even rate?",
            "400 shops with 2,000 terminals, 100 orders a second, for two minutes.",
            Size(400, 2000, 100.0, 120.0),
            _even,
        ),
        Profile(
            "ramp",
            "How much can it take? Up to the knee.",
            "A quarter more orders every 15 s, until the 99th percentile of a step is over the limit. The report names "
            "the last rate that was within it, and the part of the cluster that was used up. Passes where nothing was "
            "lost.",
            Size(100, 500, 20.0, 360.0),
            _ramp,
        ),
        Profile(
            "lunch",
            "Do the quiet shops suffer when a tenth of them has ten times its orders?",
            "A third of the time as always, a third with lunch, a third as always again.",
            Size(200, 800, 40.0, 180.0),
            _lunch,
        ),
        Profile(
            "hot-shop",
            "Does one shop take the service from the others?",
            "Half of all orders go to one shop.",
            Size(100, 500, 50.0, 120.0),
            _hot_shop,
        ),
        Profile(
            "storm",
            "Can everybody come back at once?",
            "All terminals of the crowd lose their connection at the same moment, twice. They come back behind their "
            "last offset, and the probes, which stay, are not to notice.",
            Size(200, 5000, 20.0, 120.0),
            _storm,
        ),
        Profile(
            "rolling",
            "Does a deploy under load cost anything?",
            "After a quarter of the time the pods are changed for new ones: each in its turn, or by what --deploy "
            "says. Orders may be late for as long as a terminal is on its way to another pod, and none may be missing.",
            Size(100, 500, 20.0, 120.0),
            _rolling,
        ),
        Profile(
            "flaky",
            "Does a bad network cost anything but time?",
            "Every five seconds a twentieth of the terminals is cut, and a fiftieth goes without a word to the server.",
            Size(100, 500, 20.0, 120.0),
            _flaky,
        ),
        Profile(
            "soak",
            "Does anything grow?",
            "An even load for an hour. The slope of memory, descriptors and lag in its second half is told with its "
            "error: in the first half caches fill.",
            Size(50, 500, 20.0, 3600.0, warm_up_seconds=60.0),
            _even,
        ),
    )
}

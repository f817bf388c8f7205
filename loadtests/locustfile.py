"""The users of a load test, and how one locust process takes part in a run: `bellwire-load` starts it.

The plan and the place for the outcome come by the environment, since locust's own options are not ours. Run by hand it
says what to type.
"""

import os
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from locust import events
from locust.runners import WorkerRunner

from loadtests.core.record import Record
from loadtests.distribution import Distribution
from loadtests.live import export, show
from loadtests.plan import METRICS, OUTCOME, PLAN, Plan
from loadtests.shape import CourseShape
from loadtests.users.aggregator import AggregatorUser
from loadtests.users.cashier import CashierUser
from loadtests.users.storefront import StorefrontUser
from loadtests.users.terminal import TerminalUser

__all__ = ["AggregatorUser", "CashierUser", "CourseShape", "StorefrontUser", "TerminalUser"]


@events.init.add_listener  # type: ignore[untyped-decorator]  # locust is untyped here
def take_part(environment: Any, **_: Any) -> None:
    plan = outcome = None
    if not isinstance(environment.runner, WorkerRunner):
        if PLAN not in os.environ:
            sys.exit("This file is run by a command: bellwire-load run smoke, or make load")
        plan, outcome = Plan.read(Path(os.environ[PLAN])), Path(os.environ[OUTCOME])
        environment.host = plan.url
        TerminalUser.fixed_count = plan.size.clients
    distribution = Distribution(environment, plan, outcome)
    environment.distribution = distribution
    if environment.shape_class is not None:
        environment.shape_class.distribution = distribution
    distribution.listen()
    if distribution.running is not None:
        show(environment, distribution.running)
        where, separator, port = os.environ.get(METRICS, "").rpartition(":")
        if separator:
            export(distribution.running, where, int(port))
    if not distribution.is_master:
        environment.events.request.add_listener(lambda **request: note(distribution, **request))


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Any, **_: Any) -> None:
    environment.distribution.start()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def end(environment: Any, **_: Any) -> None:
    environment.distribution.stop()


def note(
    distribution: Distribution, *, request_type: str, name: str, response_time: float, exception: Any,
    response: Any = None, response_length: int = 0, start_time: float | None = None, **_: Any,
) -> None:  # fmt: skip
    """Every request that locust counts is in the record, too, second by second."""
    if request_type == "FAULT" or distribution.running is None:
        return
    record: Record = distribution.running.record
    second, row = int(time.time()), f"{request_type} {name}"
    if exception is None:
        record.note(row, second, response_time, response_length)
    else:
        status = getattr(response, "status_code", 0) or 0
        record.failed(
            row, second, str(status) if status >= HTTPStatus.BAD_REQUEST else type(exception).__name__
        )

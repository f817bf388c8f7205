"""A run while it runs: its report so far as a page of locust's web server, and its figures for a Prometheus.

The report is reckoned in a thread: it takes longer than a greenlet may keep the others waiting.
"""

import time

import gevent
from gevent.pywsgi import WSGIServer
from locust.env import Environment

from loadtests.core.exposition import exposition
from loadtests.core.page.page import page_of
from loadtests.core.record import Record
from loadtests.core.thresholds import Thresholds
from loadtests.core.verdict import Run, report_of
from loadtests.running import Running

PATH = "/bellwire"
SHOWN_SECONDS = 300
FRESH_SECONDS = 5
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def page_so_far(running: Running) -> str:
    """The report of the last minutes, without a verdict on what is to come."""
    now = time.time()
    begin = running.began or now
    record = recent(running.record, int(now) - SHOWN_SECONDS)
    # It began as late as is shown, so that the warm-up is in it as long as it is not over.
    began = max(begin, now - SHOWN_SECONDS) - running.plan.size.warm_up_seconds
    run = Run(
        running.plan.profile, running.plan.size, running.plan.run, began, now, record,
        settings={"url": running.plan.url}, problems=["so far: this run goes on", *running.problems],
    )  # fmt: skip
    report = report_of(run, Thresholds(running.plan.service_level_ms, 1.0, 0.0))
    return page_of({**report, "live": True})


def recent(record: Record, since: int) -> Record:
    """The seconds of a record from `since` on; it may be written to meanwhile."""
    part = Record(faults=dict(record.faults), examples=dict(record.examples))
    for row, seconds in list(record.rows.items()):
        part.rows[row] = {second: cell for second, cell in list(seconds.items()) if second >= since}
    for name, values in list(record.values.items()):
        part.values[name] = {second: value for second, value in list(values.items()) if second >= since}
    return part


def show(environment: Environment, running: Running) -> None:
    """Put the page beside locust's own."""
    if environment.web_ui is None or environment.web_ui.app is None:
        return

    def answer() -> tuple[str, dict[str, str]]:
        page = gevent.get_hub().threadpool.apply(page_so_far, (running,))
        # Without a script: the browser asks again by itself.
        return page, {"Refresh": str(FRESH_SECONDS), "Cache-Control": "no-store"}

    environment.web_ui.app.add_url_rule(PATH, "bellwire", answer)


def export(running: Running, address: str, port: int) -> None:
    """Serve `/metrics`.

    Raises:
        OSError: the port is taken.
    """

    def answer(environ: dict[str, str], start: object) -> list[bytes]:
        found = environ.get("PATH_INFO") == "/metrics"
        start("200 OK" if found else "404 Not Found", [("Content-Type", TEXT)])  # type: ignore[operator]
        if not found:
            return [b"/metrics\n"]
        stage = running.stage()
        asked = 0.0 if stage is None else stage.rate
        return [
            exposition(
                running.record, running.plan.profile, running.plan.run, asked, int(time.time())
            ).encode()
        ]

    WSGIServer((address, port), answer, log=None).start()

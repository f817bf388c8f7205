"""One run from its begin to its report: tenants, locust, the cluster's figures, a last look, the verdict.

Locust runs in a process of its own, which may die; what was opened is deleted here, whatever happens.
"""

import asyncio
import contextlib
import json
import os
import platform
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp

from loadtests.core.page.page import page_of
from loadtests.core.profiles import PROFILES, Size
from loadtests.core.settings import is_local
from loadtests.core.thresholds import Thresholds
from loadtests.core.verdict import Run, report_of, summary
from loadtests.demo import Demo
from loadtests.deploy import deploy_by_command, deploy_demo
from loadtests.estate import Estate, Unusable
from loadtests.looks import look_at_orders
from loadtests.outcome import Outcome
from loadtests.plan import METRICS, OUTCOME, PLAN, Plan
from loadtests.prometheus import Prometheus
from loadtests.site import Part, Site

ROOT = Path(__file__).resolve().parents[1]
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
LOG = "locust.log"
STOP_SECONDS = 40.0
NOT_DEPLOYED = "the deploy was not over when the measured time was: give it more --seconds"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """The run that is asked for, and the cluster for it. `demo` is the cluster where it is a demo of this machine."""

    profile: str
    size: Size
    url: str
    operator_key: str
    thresholds: Thresholds
    results: Path
    demo: Demo | None = None
    ca_file: str | None = None
    pods: tuple[Part, ...] = ()
    webhook_url: str | None = None
    deploy: str | None = None
    web_port: int | None = None
    workers: int = 0
    master_port: int = 5557
    metrics: str | None = None
    prometheus: str | None = None
    quiet: bool = False


async def run(wish: Wish, say: Say) -> dict[str, Any]:
    """Make the run; returns its report.

    Raises:
        Unusable: the cluster cannot be loaded.
    """
    wish.results.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(3)
    tls = ssl.create_default_context(cafile=wish.ca_file) if wish.url.startswith("https") else True
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=64, ssl=tls), timeout=aiohttp.ClientTimeout(30)
    ) as http:
        estate = Estate(http, wish.url, wish.operator_key, name, left_of(wish.results, name))
        await estate.knock()
        try:
            return await _run(wish, name, http, estate, say)
        finally:
            say("the test tenants are deleted")
            if left := await estate.leave():
                say(
                    f"{len(left)} could not be deleted; when the cluster is back: bellwire-load clean ({left[0]} …)"
                )


def left_of(results: Path, name: str) -> Path:
    """The file with the slugs that a run has open."""
    return results / f"left-{name}.json"


def left_open(results: Path) -> list[str]:
    """The runs whose tenants are open, or were when they were killed."""
    return sorted(path.stem.removeprefix("left-") for path in results.glob("left-*.json"))


async def clean(url: str, operator_key: str, results: Path, ca_file: str | None) -> list[str]:
    """Delete what runs left open, tenants and files; returns the tenants that still could not be."""
    tls = ssl.create_default_context(cafile=ca_file) if url.startswith("https") else True
    left: list[str] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http:
        for name in left_open(results):
            estate = Estate(http, url, operator_key, name, left_of(results, name))
            await estate.knock()
            if estate.take_over():
                left += await estate.leave()
                for file in _files(results, name).values():
                    file.unlink(missing_ok=True)
    return left


def _files(results: Path, name: str) -> dict[str, Path]:
    """The files by which a run's processes speak to each other."""
    return {each: results / f"{name}.{each}" for each in ("plan.json", "outcome.json", "outcome.began")}


async def _run(
    wish: Wish, name: str, http: aiohttp.ClientSession, estate: Estate, say: Say
) -> dict[str, Any]:
    size = wish.size
    say(f"opening {size.shops} test tenants load-{name}-… with their terminals at {wish.url}")
    opened = await estate.open(size)
    plan = Plan(
        wish.url, name, wish.profile, size, opened.shops, opened.watched, opened.probes, opened.crowd, opened.clients,
        opened.webhooks, wish.webhook_url, wish.ca_file,
        service_level_ms=wish.thresholds.service_level_ms,
    )  # fmt: skip
    files = _files(wish.results, name)
    plan.write(files["plan.json"])
    site: Site | Prometheus = (
        Prometheus(http, wish.prometheus)
        if wish.prometheus is not None
        else Site(http, [*_parts(wish), *wish.pods], local=is_local(wish.url))
    )
    try:
        say(
            f"{wish.profile}: {plan.course.seconds:.0f} s at most, {size.terminals} terminals, {size.rate:g} orders/s"
        )
        changed = await _locust(wish, plan, files, site, say)
        if not files["outcome.json"].exists():
            where = f"; {wish.results / LOG} says why" if wish.quiet else ""
            raise Unusable(f"locust ended without an outcome{where}")
        outcome = Outcome.read(files["outcome.json"])
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)
    outcome.record.add(site.record.delta())
    receipts = await look_at_orders(
        http, wish.url, plan.all_shops, outcome.placed, outcome.said, outcome.record
    )
    done = Run(
        wish.profile, size, name, outcome.began, outcome.ended, outcome.record, site.histograms,
        await _versions(http, wish.url),
        _settings(wish, outcome, len(outcome.placed), receipts, site),
        outcome.problems, outcome.failed, () if changed else (NOT_DEPLOYED,),
    )  # fmt: skip
    report = report_of(done, wish.thresholds)
    _write(report, wish.results)
    say(summary(report))
    say(f"written: {wish.results / 'report.html'}, and report.json beside it")
    return report


async def _locust(wish: Wish, plan: Plan, files: dict[str, Path], site: Site | Prometheus, say: Say) -> bool:
    """Run locust to its end, and look at the cluster meanwhile; whether everything was done to it that was to be."""
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(LOCUSTFILE),
        "--stop-timeout",
        "20",
        "--host",
        wish.url,
    ]
    command += ["--loglevel", "WARNING"]
    if wish.web_port is None:
        command += ["--headless", "--only-summary"]
    else:
        command += [
            "--autostart",
            "--web-host",
            "127.0.0.1",
            "--web-port",
            str(wish.web_port),
            "--autoquit",
            "1",
        ]
    if wish.workers:
        command += [
            "--master",
            "--master-bind-port",
            str(wish.master_port),
            "--expect-workers",
            str(wish.workers),
        ]
    env = {**os.environ, PLAN: str(files["plan.json"]), OUTCOME: str(files["outcome.json"])}
    if wish.metrics is not None:
        env[METRICS] = wish.metrics
    with _output(wish) as out:
        process = await asyncio.create_subprocess_exec(
            *command, env=env, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out
        )
    changes = asyncio.create_task(_deploy(wish, plan, files["outcome.json"], say))
    tasks = [asyncio.create_task(watch(site)), changes]
    try:
        await process.wait()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    # A deploy that was cut off proves nothing.
    return not changes.cancelled()


async def watch(site: Site | Prometheus) -> None:
    """Look until cancelled."""
    while True:
        await site.look()
        await asyncio.sleep(site.look_seconds)


def _output(wish: Wish) -> Any:
    """Where locust's own tables go."""
    return open(wish.results / LOG, "wb") if wish.quiet else contextlib.nullcontext()


async def _deploy(wish: Wish, plan: Plan, outcome: Path, say: Say) -> None:
    """The acts that are the cluster's, when the course has begun."""
    acts = [act for act in plan.course.acts if act.what == "deploy"]
    if not acts:
        return
    began = outcome.with_suffix(".began")
    while not began.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.2)
    moment = float(began.read_text(encoding="utf-8"))
    for act in acts:
        await asyncio.sleep(max(0.0, moment + act.at - time.time()))
        if wish.deploy is not None:
            await deploy_by_command(wish.deploy, say)
        elif wish.demo is not None:
            await deploy_demo(wish.demo, say)


def _parts(wish: Wish) -> list[Part]:
    if wish.demo is None:
        return []
    return [
        Part(name, process.url, None if process.url else process.pid) for name, process in wish.demo.named()
    ]


def _settings(
    wish: Wish, outcome: Outcome, looked: int, receipts: int, site: Site | Prometheus
) -> dict[str, Any]:
    return {
        "url": wish.url,
        "profile": PROFILES[wish.profile].line,
        "workers": outcome.workers,
        "ordersLookedAt": looked,
        "receiptsSeen": receipts,
        "looksMissed": site.misses,
    }


async def _versions(http: aiohttp.ClientSession, url: str) -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "locust": version("locust"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError):
        async with http.get(f"{url}/openapi.json") as answer:
            found["bellwire"] = str((await answer.json(content_type=None))["info"]["version"])
    return found


def _write(report: dict[str, Any], folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
    (folder / "report.html").write_text(page_of(report), encoding="utf-8")

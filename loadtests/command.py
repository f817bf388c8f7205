"""`bellwire-load`: list the profiles, run one, compare two reports. An error is one sentence."""

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import click

from loadtests.core.compare import compare, new_faults
from loadtests.core.page.page import page_of
from loadtests.core.profiles import PROFILES
from loadtests.core.settings import address, is_local, sized
from loadtests.core.thresholds import WrongThresholds, read_thresholds
from loadtests.demo import DEFAULT_FILE, Demo, NoDemo, read_demo

HERE = Path(__file__).parent
RESULTS = Path("loadtests/results")
ENVIRONMENT = "BELLWIRE_LOAD"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": ENVIRONMENT})
def main() -> None:
    """Load tests for a Bellwire cluster, with a verdict.

    Each option can be given in the environment: --rate of `run` as BELLWIRE_LOAD_RUN_RATE.
    """


@main.command("list")
def list_profiles() -> None:
    """Explain each profile."""
    for profile in PROFILES.values():
        size = profile.size
        click.echo(f"{profile.name}\n  {profile.line}\n  {profile.text}")
        click.echo(
            f"  by default {size.shops} shops, {size.terminals} terminals, {size.rate:g} orders/s, "
            f"{profile.course(size).seconds:.0f} s at most with {size.warm_up_seconds:g} s to warm up\n"
        )


def where(command: Any) -> Any:
    """The options that say which cluster."""
    for option in reversed(
        (
            click.option("--host", help="The cluster's address. By default the running demo."),
            click.option(
                "--operator-key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="A file with an operator's key and nothing else. By default BELLWIRE_KEY, or the demo's.",
            ),
            click.option(
                "--demo-file", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_FILE, show_default=True,
                help="The file that a demo writes; says where its pods are.",
            ),
            click.option("--remote", metavar="NAME", help="The host's name once more, where it is not this machine."),
            click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="A certificate to trust."),
            click.option(
                "--results", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True,
                help="The folder for the reports.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@main.command()
@click.argument("profile", type=click.Choice(list(PROFILES)), metavar="PROFILE")
@where
@click.option("--shops", type=int, help="Test tenants.")
@click.option("--terminals", type=int, help="Terminals of the crowd, of all shops together.")
@click.option("--rate", type=float, help="Orders a second, of all shops together.")
@click.option("--seconds", type=float, help="The measured time.")
@click.option("--warm-up", type=float, help="Seconds before it that are not measured.")
@click.option("--probes", type=int, help="Shops with terminals that measure, beside the crowd.")
@click.option("--clients", type=int, help="Terminals that run the SDK's machine.")
@click.option("--streaming", type=float, help="Share of the crowd on server-sent events.")
@click.option("--polling", type=float, help="Share of the crowd that polls.")
@click.option("--steps", type=float, help="Share of orders that a cashier moves on.")
@click.option("--webhooks", type=int, help="Shops with a webhook endpoint at this machine.")
@click.option("--webhook-url", help="How the cluster reaches this machine, where it is not the same one.")
@click.option(
    "--pod", "pods", multiple=True, metavar="NAME=URL", help="A pod whose /metrics are read; several times."
)
@click.option("--deploy", help="The command that changes the pods, for the profile rolling.")
@click.option(
    "--thresholds", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=HERE / "thresholds.toml",
    help="The limits; by default those that come with the load tests.",
)  # fmt: skip
@click.option(
    "--web", type=click.IntRange(1, 65535), metavar="PORT", help="Show locust's pages at this port."
)
@click.option(
    "--workers", type=click.IntRange(0, 200), default=0, help="Wait for so many `bellwire-load work`."
)
@click.option("--master-port", type=click.IntRange(1, 65535), default=5557, show_default=True)
@click.option(
    "--metrics-port", type=click.IntRange(1, 65535), help="Serve the run's own figures to a Prometheus."
)
@click.option("--metrics-address", default="127.0.0.1", show_default=True, help="Where they are served.")
@click.option(
    "--prometheus", help="The address of a Prometheus that has the pods' figures, instead of --pod."
)
@click.option("--report-to-log", is_flag=True, help="Print the report as the last line, as one line of JSON.")
@click.option("--quiet", is_flag=True, help="Without locust's own tables.")
def run(profile: str, thresholds: Path, pods: tuple[str, ...], **options: Any) -> None:
    """Put the load of PROFILE on a cluster, and judge it.

    Opens test tenants of its own (load-…) and deletes them, however it ends. Ends with 0 when everything was within the
    limits, with 1 when something was not, and with 2 when nothing could be measured.
    """
    from loadtests.run import Wish
    from loadtests.run import run as make

    url, key, demo, ca_file = cluster_of(options)
    size, wrong = sized(
        PROFILES[profile].size,
        {name: options[name] for name in SIZES} | {"warm_up_seconds": options["warm_up"]},
    )
    parts, wrong_pods = pods_of(pods)
    wrong += wrong_pods
    if (
        any(act.what == "deploy" for act in PROFILES[profile].course(size).acts)
        and not options["deploy"]
        and demo is None
    ):
        wrong.append(
            "--deploy says how the pods are changed, for example 'kubectl rollout restart deployment/api'"
        )
    prometheus = options["prometheus"]
    if prometheus is not None:
        prometheus, fault = address(prometheus, "--prometheus")
        wrong += [] if fault is None else [fault]
    metrics = f"{options['metrics_address']}:{options['metrics_port']}" if options["metrics_port"] else None
    if wrong:
        raise click.UsageError("\n  ".join(wrong))
    try:
        limits = read_thresholds(thresholds.read_text(encoding="utf-8"))
    except WrongThresholds as exc:
        raise click.UsageError(f"{thresholds}: {exc}") from exc
    wish = Wish(
        profile, size, url, key, limits, options["results"].resolve(), demo, ca_file, parts, options["webhook_url"],
        options["deploy"], options["web"], options["workers"], options["master_port"], metrics, prometheus,
        options["quiet"],
    )  # fmt: skip
    report = finish(make(wish, click.echo))
    if options["report_to_log"]:
        click.echo(json.dumps(report, ensure_ascii=False))
    raise click.exceptions.Exit(0 if report["passed"] else 1 if report["measured"] else 2)


@main.command()
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def page(report: Path) -> None:
    """Draw the page of a report.json, beside it."""
    target = report.with_suffix(".html")
    target.write_text(page_of(read_report(report)), encoding="utf-8")
    click.echo(f"written: {target}")


@main.command()
@click.option("--master-host", required=True, help="The machine of `bellwire-load run --workers …`.")
@click.option("--master-port", type=click.IntRange(1, 65535), default=5557, show_default=True)
def work(master_host: str, master_port: int) -> None:
    """Take part in a run of another machine, with users and terminals; waits for its master, and ends with it.

    The master sends the keys of its test tenants over this connection, which nothing encrypts: use a network that is
    yours.
    """
    words = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(HERE / "locustfile.py"),
        "--worker",
        "--loglevel",
        "WARNING",
    ]
    words += ["--master-host", master_host, "--master-port", str(master_port)]
    os.execv(sys.executable, words)


@main.command()
@where
def clean(**options: Any) -> None:
    """Delete the test tenants that runs left open: the cluster was away when they ended, or they were killed."""
    from loadtests.run import clean as leave
    from loadtests.run import left_open

    if not left_open(options["results"]):
        click.echo("nothing was left open")
        return
    url, key, _, ca_file = cluster_of(options)
    if left := finish(leave(url, key, options["results"], ca_file)):
        raise click.ClickException(f"{len(left)} could not be deleted: {', '.join(left[:5])}")


@main.command("compare")
@click.argument("before", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("after", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 10),
    default=0.05,
    show_default=True,
    help="A change up to this is none.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Of the draws that tell a change from noise."
)
def compare_reports(before: Path, after: Path, tolerance: float, seed: int) -> None:
    """Say what got better or worse from one report to another, beyond noise. Ends with 1 when something got worse."""
    one, two = read_report(before), read_report(after)
    if one["profile"] != two["profile"]:
        raise click.ClickException(f"{before} is of {one['profile']}, {after} of {two['profile']}")
    changes = compare(one, two, random.Random(seed).randrange, tolerance)
    faults = new_faults(one, two)
    for line in (*faults, *changes):
        click.echo(line)
    if not changes and not faults:
        raise click.ClickException("the two have no row in common with enough in it to compare")
    raise click.exceptions.Exit(1 if faults or any(change.word == "worse" for change in changes) else 0)


SIZES = (
    "shops", "terminals", "rate", "seconds", "probes", "clients", "streaming", "polling", "steps", "webhooks",
)  # fmt: skip


def cluster_of(options: dict[str, Any]) -> tuple[str, str, Demo | None, str | None]:
    """The cluster's address, an operator's key, the demo where it is one, and a certificate to trust."""
    demo: Demo | None = None
    host, key_file = options["host"], options["operator_key_file"]
    if host is None or options["demo_file"].exists():
        try:
            demo = read_demo(options["demo_file"])
        except NoDemo as exc:
            raise click.ClickException(str(exc)) from exc
    url, wrong = address(host or (demo.url if demo is not None else ""))
    if wrong is not None:
        raise click.UsageError(wrong)
    if demo is not None and demo.url != url:
        demo = None
    name = url.partition("://")[2].rpartition("@")[2]
    if not is_local(url) and options["remote"] != (plain := name.partition(":")[0]):
        raise click.UsageError(
            f"{url} is not this machine. Where it may be loaded, say its name once more: --remote {plain}"
        )
    key = os.environ.get("BELLWIRE_KEY") or (demo.operator_key if demo is not None else None)
    if key_file is not None:
        key = key_file.read_text(encoding="utf-8").strip()
    if not key:
        raise click.UsageError("--operator-key-file names a file with an operator's key")
    return url, key, demo, options["ca_file"] or (demo.ca_file if demo is not None else None)


def pods_of(pods: tuple[str, ...]) -> tuple[tuple[Any, ...], list[str]]:
    """The pods that are looked at, and what is wrong with their words."""
    from loadtests.site import Part

    parts, wrong = [], []
    for word in pods:
        name, _, url = word.partition("=")
        url, fault = address(url)
        if not name or fault is not None:
            wrong.append(f"--pod is written NAME=URL, for example api-1=http://10.0.0.7:8000, not {word!r}")
        parts.append(Part(name, url))
    return tuple(parts), wrong


def finish(work: Any) -> Any:
    """Run it to its end; a signal ends it as an error would, so that everything is cleared up."""
    from loadtests.deploy import DeployFailed
    from loadtests.estate import Unusable

    async def whole() -> Any:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(whole())
    except (Unusable, DeployFailed) as exc:
        raise click.ClickException(str(exc)) from exc
    except asyncio.CancelledError:
        raise click.exceptions.Exit(130) from None


def read_report(path: Path) -> dict[str, Any]:
    """A report that a run wrote."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != 1:
            raise ValueError(f"format {content['format']}")
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise click.ClickException(f"{path} is not a report of bellwire-load: {exc}") from exc
    return content

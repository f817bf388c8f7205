"""`bellwire doctor`: collect the facts, judge them, tell them. Changes nothing."""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bellwire.doctor.finding import Finding, Level, wrong

if TYPE_CHECKING:
    from backbone.runtime.settings import PodSettings
    from gateway.settings import GatewaySettings

ROLES = ("api", "gateway")


@click.command()
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    multiple=True,
    help="The kind of pod that is to run here; may be repeated. Default: both.",
)
@click.option(
    "--url", envvar="BELLWIRE_URL", help="The cluster's address as tills have it: its door is looked at, too."
)
@click.option("--strict", is_flag=True, help="End with 1 for a warning as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(roles: tuple[str, ...], url: str | None, strict: bool, as_json: bool) -> None:
    """Look whether a pod with the settings that are set here would serve well, and say how to mend what would not.

    Looks at settings, PostgreSQL (schema, clock, standbys, archive, connections), Redis (memory, eviction, buffers),
    this machine (open files, memory, cores) and with --url at the door (certificate, WebSockets). Changes nothing, and
    needs the pods' own addresses and settings: run it where they run. Ends with 1 when something is wrong.
    """
    findings = list(_examine(roles or ROLES, url))
    click.echo(json.dumps([each.as_json() for each in findings]) if as_json else table(findings))
    bad = {Level.WRONG, Level.WARNING} if strict else {Level.WRONG}
    if any(finding.level in bad for finding in findings):
        raise click.exceptions.Exit(1)


def table(findings: Sequence[Finding]) -> str:
    """One line a finding, below it what mends it; at the end how many there are of each level."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.value:<8} {finding.subject}: {finding.text}")
        if finding.mend:
            lines.append(f"{'':<8}   {finding.mend}")
    counts = [sum(finding.level is level for finding in findings) for level in Level]
    return "\n".join([*lines, "{} ok, {} warnings, {} wrong".format(*counts)])


def _examine(roles: Sequence[str], url: str | None) -> Iterator[Finding]:
    from api.settings import ApiSettings
    from backbone.eventlog.addresses import check_addresses
    from backbone.runtime.settings import InvalidSettings, PodSettings, load_settings
    from bellwire.doctor.judge_pods import judge_settings
    from bellwire.settings_page import unknown
    from gateway.settings import GatewaySettings

    classes: dict[str, type[PodSettings]] = {"api": ApiSettings, "gateway": GatewaySettings}
    pods: list[PodSettings] = []
    faults: dict[str, None] = {}
    for role in dict.fromkeys(roles):
        try:
            settings = load_settings(classes[role])
            check_addresses(settings)
            pods.append(settings)
        except InvalidSettings as exc:
            faults.update(dict.fromkeys(str(exc).splitlines()))
    for fault in faults:
        yield wrong("settings", fault, "`bellwire settings` has every setting; a pod would not start")
    if pods:
        yield from judge_settings(pods, unknown(os.environ))
        yield from _look_at_database(pods[0])
        yield from _look_at_redis(pods[0])
    gateway = next((pod for pod in pods if isinstance(pod, GatewaySettings)), None)
    yield from _look_here(gateway)
    if url:
        from bellwire.doctor.door import look_at_door
        from bellwire.doctor.judge_pods import judge_door

        yield from judge_door(look_at_door(url))


def _look_at_database(settings: "PodSettings") -> Iterator[Finding]:
    from api.db.command_session import DatabaseTrouble
    from api.db.server_facts import look_at_database
    from backbone.contract.errors import Unavailable
    from backbone.eventlog.postgres import session_settings
    from backbone.eventlog.schema import load_list
    from bellwire.doctor.judge_database import judge_database

    seconds = settings.database_timeout_seconds
    try:
        facts = asyncio.run(look_at_database(str(settings.database_url), seconds))
    except (DatabaseTrouble, Unavailable, TimeoutError) as exc:
        cause = exc.__cause__
        said = (
            f"{exc}: {cause}"
            if isinstance(exc, Unavailable) and cause is not None and str(cause)
            else str(exc)
        )
        yield wrong(
            "PostgreSQL",
            said or "it did not answer in time",
            "see that it runs, and that address, user and password are right; until then orders get 503",
        )
        return
    yield from judge_database(
        facts,
        load_list(),
        datetime.now(UTC),
        pooled=settings.database_pooler,
        session=session_settings(seconds),
    )


def _look_at_redis(settings: "PodSettings") -> Iterator[Finding]:
    from backbone.eventlog.redis_facts import look_at_redis
    from bellwire.doctor.judge_redis import judge_redis

    yield from judge_redis(asyncio.run(look_at_redis(settings)))


def _look_here(gateway: "GatewaySettings | None") -> Iterator[Finding]:
    from bellwire.doctor.judge_pods import judge_machine
    from bellwire.doctor.machine import look_at_machine
    from gateway.fanout.send_all import LIBRARY

    yield from judge_machine(look_at_machine(LIBRARY), gateway)

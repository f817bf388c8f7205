"""Whether a PostgreSQL serves a cluster well. Pure: facts in, findings out."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from api.db.server_facts import DatabaseFacts
from backbone.eventlog.schema import Listed, Phase, lacking, unfit
from bellwire.doctor.finding import Finding, ok, warning, wrong

SUBJECT = "PostgreSQL"
OLDEST_VERSION = 14
SKEW_SECONDS = 1.0
SLOW_TRIP_SECONDS = 0.005
DAYS_AHEAD = 2


def judge_database(
    facts: DatabaseFacts, ours: Iterable[Listed], now: datetime, *, pooled: bool, session: dict[str, str]
) -> Iterator[Finding]:
    """Tell everything about the primary. `session` is what each session of a pod has to have, by name.

    `pooled`: the pods come through a pooler, so that their role has to bring these along.
    """
    yield _version(facts)
    yield from _schema(facts, list(ours))
    yield _clock(facts)
    yield _trip(facts)
    yield from _durability(facts)
    yield _standbys(facts)
    yield _archive(facts)
    yield _connections(facts)
    yield from _partitions(facts, now)
    if facts.superuser:
        yield warning(
            SUBJECT,
            "this address is a superuser's",
            "give pods roles of their own: `bellwire role-settings --api-role … --gateway-role …`",
        )
    if pooled:
        yield _pooled(facts, session)


def _version(facts: DatabaseFacts) -> Finding:
    version = facts.settings.get("server_version", "unknown")
    if int(facts.settings.get("server_version_num", "0")) // 10_000 < OLDEST_VERSION:
        return wrong(SUBJECT, f"is version {version}", f"run version {OLDEST_VERSION} or later")
    return ok(SUBJECT, f"answers, version {version}, {'with' if facts.encrypted else 'without'} TLS")


def _schema(facts: DatabaseFacts, ours: list[Listed]) -> Iterator[Finding]:
    if reason := unfit(facts.applied, ours):
        yield wrong(SUBJECT, reason, "docs/upgrading.md has the order of an upgrade, and the way back")
        return
    changed = [
        one.name
        for one in ours
        if one.name in facts.applied and facts.applied[one.name].checksum != one.checksum
    ]
    if changed:
        yield wrong(
            SUBJECT,
            f"the migration {changed[0]} is not the one of this version",
            "run the version that made it",
        )
        return
    missing = lacking(facts.applied, ours)
    if missing:
        yield wrong(
            SUBJECT,
            f"the schema lacks {len(missing)} migrations, first {missing[0]}",
            "run `bellwire migrate`",
        )
        return
    waiting = [one.name for one in ours if one.phase is Phase.POST and one.name not in facts.applied]
    if waiting:
        yield warning(
            SUBJECT,
            f"{len(waiting)} migrations wait for the end of the release before, first {waiting[0]}",
            "run `bellwire migrate --post` when no older pod is left",
        )
    else:
        yield ok(SUBJECT, "has this version's schema")


def _clock(facts: DatabaseFacts) -> Finding:
    if abs(facts.skew_seconds) > SKEW_SECONDS + facts.trip_seconds:
        where = "ahead of" if facts.skew_seconds > 0 else "behind"
        return warning(
            SUBJECT,
            f"its clock is {abs(facts.skew_seconds):.1f} s {where} this one",
            "let chrony or ntpd set both; latencies are measured between clocks",
        )
    return ok(SUBJECT, f"its clock is this one's, within {max(abs(facts.skew_seconds), 0.001):.3f} s")


def _trip(facts: DatabaseFacts) -> Finding:
    text = f"a round trip takes {facts.trip_seconds * 1000:.1f} ms"
    if facts.trip_seconds > SLOW_TRIP_SECONDS:
        return warning(
            SUBJECT, text, "an order needs two to four of them: put pods and database into one place"
        )
    return ok(SUBJECT, text)


def _durability(facts: DatabaseFacts) -> Iterator[Finding]:
    for name in ("fsync", "full_page_writes"):
        if facts.settings.get(name) == "off":
            yield wrong(
                SUBJECT, f"{name} is off: a power cut loses orders that were answered", f"set {name} = on"
            )
    if facts.settings.get("data_checksums") == "off":
        yield warning(
            SUBJECT,
            "pages have no checksums: a disk's fault is not noticed",
            "stop it and run `pg_checksums --enable`, or begin with `initdb --data-checksums`",
        )


def _standbys(facts: DatabaseFacts) -> Finding:
    named = facts.settings.get("synchronous_standby_names", "")
    if not named:
        return warning(
            SUBJECT,
            f"no standby is synchronous ({facts.standbys} follow it): the last orders are lost with this server",
            "set synchronous_standby_names = 'ANY 1 (…)' with two standbys; under Patroni bring the standby back",
        )
    if facts.synchronous_standbys is None:
        return warning(
            SUBJECT,
            f"this role may not see which of {facts.standbys} standbys are synchronous",
            "GRANT pg_monitor TO the role that looks",
        )
    if facts.synchronous_standbys == 0:
        return wrong(
            SUBJECT,
            "synchronous_standby_names is set and none of them is connected: no commit returns",
            "bring a standby back; as the last resort take the setting away, and know what that gives up",
        )
    return ok(SUBJECT, f"{facts.synchronous_standbys} of {facts.standbys} standbys are synchronous")


def _archive(facts: DatabaseFacts) -> Finding:
    archives = facts.settings.get("archive_mode") in ("on", "always") and (
        facts.settings.get("archive_command") or facts.settings.get("archive_library")
    )
    if not archives:
        return warning(
            SUBJECT,
            "no WAL is archived: it cannot be restored to a point in time",
            "set archive_mode and archive_command, with pgBackRest or barman",
        )
    if facts.archive_failed_last:
        return wrong(
            SUBJECT,
            "the last WAL segment could not be archived",
            "look into its log; the disk fills until it can",
        )
    return ok(SUBJECT, "archives its WAL")


def _connections(facts: DatabaseFacts) -> Finding:
    limit = int(facts.settings.get("max_connections", "0")) - int(
        facts.settings.get("superuser_reserved_connections", "0")
    )
    text = f"{facts.connections} of {limit} connections are in use"
    if facts.connections > 0.8 * limit:
        return warning(SUBJECT, text, "raise max_connections, or put PgBouncer between")
    return ok(SUBJECT, text)


def _partitions(facts: DatabaseFacts, now: datetime) -> Iterator[Finding]:
    if facts.partitions_end is None:
        return
    ahead = facts.partitions_end - now
    text = f"the log has partitions until {facts.partitions_end:%Y-%m-%d}"
    if ahead <= timedelta(0):
        yield wrong(SUBJECT, f"{text}: events of today have no place", "start an API pod: it makes them")
    elif ahead < timedelta(days=DAYS_AHEAD):
        yield warning(
            SUBJECT, text, "API pods make eight days ahead: see why none does (`housekeeping` in the log)"
        )
    else:
        yield ok(SUBJECT, text)


def _pooled(facts: DatabaseFacts, session: dict[str, str]) -> Finding:
    other = sorted(
        name for name, value in session.items() if facts.session.get(name, "").lower() != value.lower()
    )
    if other:
        return wrong(
            SUBJECT,
            f"behind a pooler the role has to bring its settings along, and does not: {', '.join(other)}",
            "run `bellwire role-settings`, then let the pooler reconnect",
        )
    return ok(SUBJECT, "the role brings the pods' settings along")

"""`bellwire doctor`: a healthy place has no complaint, each fault has its own, and real servers are read rightly."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from api.db.server_facts import DatabaseFacts
from api.settings import ApiSettings
from backbone.eventlog.postgres import session_settings
from backbone.eventlog.redis_facts import RedisFacts
from backbone.eventlog.schema import Phase, load_list
from bellwire.doctor.door import DoorFacts, look_at_door
from bellwire.doctor.finding import Finding, Level
from bellwire.doctor.judge_database import judge_database
from bellwire.doctor.judge_pods import judge_door, judge_machine, judge_settings
from bellwire.doctor.judge_redis import judge_redis
from bellwire.doctor.machine import MachineFacts
from gateway.settings import GatewaySettings
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.valkey import Valkey
from tests.command.test_command import called
from tests.conftest import CARD_SECRET, REDIS_SECRET

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OURS = load_list()
SESSION = session_settings(3.0)
DATABASE = DatabaseFacts(
    settings={
        "server_version": "16.4", "server_version_num": "160004", "max_connections": "200",
        "superuser_reserved_connections": "3", "fsync": "on", "full_page_writes": "on", "data_checksums": "on",
        "synchronous_standby_names": "ANY 1 (a, b)", "archive_mode": "on", "archive_command": "pgbackrest …",
    },
    session=SESSION,
    skew_seconds=0.01,
    trip_seconds=0.0005,
    connections=40,
    superuser=False,
    encrypted=True,
    standbys=2,
    synchronous_standbys=1,
    archive_failed_last=False,
    applied={one.name: one for one in OURS},
    partitions_end=NOW + timedelta(days=8),
)  # fmt: skip
REDIS = RedisFacts(
    "redis-0:6379",
    info={
        "redis_version": "7.2.4", "valkey_version": "8.0.1", "role": "master", "used_memory": 50 << 20,
        "maxmemory": 512 << 20, "maxmemory_policy": "noeviction",
    },
    settings={"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
    trip_seconds=0.0003,
    cluster_state="ok",
)  # fmt: skip
MACHINE = MachineFacts(1_048_576, 4096, 8 << 30, 4.0, compiled_loop=True)
DOOR = DoorFacts(None, True, 60.0, 0.3, 401, 401)


def given(**settings: Any) -> dict[str, Any]:
    return {
        "database_url": "postgresql://u:p@db/bellwire?sslmode=verify-full",
        "redis_url": "rediss://:p@redis:6379/0",
        "redis_secret": REDIS_SECRET,
        "require_tls": True,
        **settings,
    }


def of_settings(**settings: Any) -> list[Finding]:
    pods = [ApiSettings(**given(**settings), card_secret=SecretStr(CARD_SECRET)), GatewaySettings(**given())]
    return list(judge_settings(pods, ()))


def of_database(pooled: bool = True, **facts: Any) -> list[Finding]:
    return list(judge_database(replace(DATABASE, **facts), OURS, NOW, pooled=pooled, session=SESSION))


def with_setting(name: str, value: str) -> dict[str, Any]:
    return {"settings": {**DATABASE.settings, name: value}}


def of_redis(info: dict[str, Any] | None = None, **facts: Any) -> list[Finding]:
    return list(judge_redis([replace(REDIS, info={**REDIS.info, **(info or {})}, **facts)]))


def of_machine(facts: MachineFacts = MACHINE, **settings: Any) -> list[Finding]:
    return list(judge_machine(facts, GatewaySettings(**given(**settings))))


def of_door(**facts: Any) -> list[Finding]:
    return list(judge_door(replace(DOOR, **facts)))


def without(name: str) -> dict[str, Any]:
    return {one: listed for one, listed in DATABASE.applied.items() if one != name}


NEWEST_PRE = [one.name for one in OURS if one.phase is Phase.PRE][-1]
A_POST = next(one.name for one in OURS if one.phase is Phase.POST)
OTHER = {**DATABASE.applied, NEWEST_PRE: replace(DATABASE.applied[NEWEST_PRE], checksum=b"other")}

FAULTS = {
    "an old PostgreSQL": (of_database(**with_setting("server_version_num", "130011")), Level.WRONG),
    "a migration is lacking": (of_database(applied=without(NEWEST_PRE)), Level.WRONG),
    "no schema": (of_database(applied={}), Level.WRONG),
    "another migration of that name": (of_database(applied=OTHER), Level.WRONG),
    "post-migrations wait": (of_database(applied=without(A_POST)), Level.WARNING),
    "a clock that runs ahead": (of_database(skew_seconds=90.0), Level.WARNING),
    "a clock that is behind": (of_database(skew_seconds=-5.0), Level.WARNING),
    "a database far away": (of_database(trip_seconds=0.04), Level.WARNING),
    "fsync off": (of_database(**with_setting("fsync", "off")), Level.WRONG),
    "torn pages": (of_database(**with_setting("full_page_writes", "off")), Level.WRONG),
    "no checksums": (of_database(**with_setting("data_checksums", "off")), Level.WARNING),
    "no synchronous standby": (of_database(**with_setting("synchronous_standby_names", "")), Level.WARNING),
    "the synchronous standby is away": (of_database(synchronous_standbys=0, standbys=0), Level.WRONG),
    "standbys that may not be seen": (of_database(synchronous_standbys=None), Level.WARNING),
    "no archive": (of_database(**with_setting("archive_mode", "off")), Level.WARNING),
    "an archive that does nothing": (of_database(**with_setting("archive_command", "")), Level.WARNING),
    "an archive that fails": (of_database(archive_failed_last=True), Level.WRONG),
    "few connections left": (of_database(connections=190), Level.WARNING),
    "days that end": (of_database(partitions_end=NOW + timedelta(days=1)), Level.WARNING),
    "days that ended": (of_database(partitions_end=NOW), Level.WRONG),
    "a superuser": (of_database(superuser=True), Level.WARNING),
    "a role without its settings": (of_database(session={**SESSION, "synchronous_commit": "off"}), Level.WRONG),
    "Redis is away": (of_redis(trouble="it did not answer within 3 s"), Level.WRONG),
    "an old Redis": (of_redis({"redis_version": "6.2.1"}), Level.WRONG),
    "a replica": (of_redis({"role": "slave"}), Level.WRONG),
    "a cluster with a hole": (of_redis(cluster_state="fail"), Level.WRONG),
    "another clock in Redis": (of_redis(skew_seconds=-4.0), Level.WARNING),
    "a slow Redis": (of_redis(trip_seconds=0.02), Level.WARNING),
    "no bound of memory": (of_redis({"maxmemory": 0}), Level.WARNING),
    "a full Redis": (of_redis({"used_memory": 500 << 20}), Level.WARNING),
    "streams that vanish": (of_redis({"maxmemory_policy": "allkeys-lru"}), Level.WARNING),
    "no CONFIG": (of_redis(settings=None), Level.WARNING),
    "a small buffer": (of_redis(settings={"client-output-buffer-limit": "pubsub 1048576 0 0"}), Level.WARNING),
    "nobody knows the primary": (list(judge_redis([])), Level.WRONG),
    "believes Redis": (of_settings(redis_secret=None), Level.WARNING),
    "in the clear": (of_settings(require_tls=False), Level.WARNING),
    "every origin": (of_settings(allowed_origins="*"), Level.WARNING),
    "private webhooks": (of_settings(webhook_private=True), Level.WARNING),
    "few files": (of_machine(replace(MACHINE, descriptors=1024)), Level.WRONG),
    "little memory": (of_machine(replace(MACHINE, memory_bytes=128 << 20)), Level.WARNING),
    "a short line": (of_machine(replace(MACHINE, backlog=128)), Level.WARNING),
    "more workers than cores": (of_machine(workers=16), Level.WARNING),
    "no compiled loop": (of_machine(replace(MACHINE, compiled_loop=False)), Level.WARNING),
    "no door": (of_door(trouble="ConnectionRefusedError: …"), Level.WRONG),
    "a door in the clear": (of_door(encrypted=False, certificate_days=None), Level.WARNING),
    "a certificate that ends": (of_door(certificate_days=12.0), Level.WARNING),
    "a certificate that ended": (of_door(certificate_days=1.0), Level.WRONG),
    "a door with another clock": (of_door(skew_seconds=30.0), Level.WARNING),
    "a door to something else": (of_door(api_status=200), Level.WRONG),
    "a proxy without WebSockets": (of_door(handshake_status=426), Level.WRONG),
}  # fmt: skip


def test_a_healthy_place_has_no_complaint() -> None:
    healthy = [*of_settings(), *of_database(), *of_redis(), *of_machine(), *of_door()]
    assert {finding.level for finding in healthy} == {Level.OK}
    assert {finding.subject for finding in healthy} >= {"settings", "PostgreSQL", "machine", "door"}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_finding_that_says_how_to_mend_it(fault: str) -> None:
    findings, level = FAULTS[fault]
    complaints = [finding for finding in findings if finding.level is not Level.OK]
    assert [finding.level for finding in complaints] == [level]
    assert complaints[0].mend


def test_a_typing_error_is_told_by_its_name() -> None:
    [told] = [
        f for f in judge_settings([GatewaySettings(**given())], ["BELLWIRE_X"]) if f.level is Level.WARNING
    ]
    assert "BELLWIRE_X" in told.text


def environment(database_url: str, redis_url: str, **more: str) -> dict[str, str]:
    return {
        "BELLWIRE_DATABASE_URL": database_url,
        "BELLWIRE_REDIS_URL": redis_url,
        "BELLWIRE_CARD_SECRET": CARD_SECRET,
        "BELLWIRE_REDIS_SECRET": REDIS_SECRET,
        **more,
    }


async def test_the_doctor_reads_real_servers_and_a_real_door(
    database_url: str, valkey: Valkey, api_pod: Pod
) -> None:
    code, output, _ = await called(
        "doctor", "--json", "--url", api_pod.url, env=environment(database_url, valkey.url)
    )
    found = json.loads(output)
    texts = {f"{each['subject']}: {each['text']}" for each in found if each["level"] == "ok"}
    assert "PostgreSQL: has this version's schema" in texts
    assert any(text.startswith(f"Redis 127.0.0.1:{valkey.port}: answers, Valkey") for text in texts)
    assert any("the log has partitions until" in text for text in texts)
    assert "door: leads to the API" in texts
    # The tests' database may lose what a power cut takes, an API pod is no gateway, and what a process may open is
    # this machine's.
    wrong = {
        each["text"].partition(":")[0]
        for each in found
        if each["level"] == "wrong" and each["subject"] != "machine"
    }
    assert wrong == {
        "fsync is off",
        "full_page_writes is off",
        "a WebSocket without a key is 404 and not 401",
    }
    assert any("no standby is synchronous" in each["text"] for each in found)
    assert code == 1


async def test_servers_that_are_away_are_findings_and_no_secret_is_told(tmp_path: Path) -> None:
    nobody = free_port()
    code, output, errors = await called(
        "doctor",
        env=environment(
            f"postgresql://u:a-password@127.0.0.1:{nobody}/x", f"redis://:a-password@127.0.0.1:{nobody}/0"
        ),
    )
    assert code == 1
    wrong = {line.split()[1].rstrip(":") for line in output.splitlines() if line.startswith("WRONG")}
    assert wrong - {"machine"} == {"PostgreSQL", "Redis"}
    assert "a-password" not in output + errors
    assert CARD_SECRET not in output


async def test_settings_that_no_pod_would_start_with_are_each_one_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "CARD_SECRET"):
        monkeypatch.delenv(f"BELLWIRE_{name}", raising=False)
    code, output, _ = await called("doctor", "--role", "gateway", env={"BELLWIRE_HEARTBEAT_SECONDS": "0"})
    wrong = [line.split()[2].rstrip(":") for line in output.splitlines() if line.startswith("WRONG")]
    assert (code, sorted(wrong)) == (
        1,
        ["BELLWIRE_DATABASE_URL", "BELLWIRE_HEARTBEAT_SECONDS", "BELLWIRE_REDIS_URL"],
    )


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999", "127.0.0.1:1"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    assert look_at_door(url).trouble

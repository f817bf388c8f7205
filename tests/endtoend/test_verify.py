"""`bellwire verify` against the whole cluster: it passes, it says so, and it leaves no key behind."""

import asyncio
import json
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import ROOT
from tests.endtoend.conftest import Town
from tests.shop import bearer

pytestmark = pytest.mark.timeout(180)


async def verify(town: Town, *arguments: str) -> tuple[int, str]:
    """Run the command against the cluster; returns its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", "verify", "--url", town.cluster.url, "--tenants", "3",
        "--terminals", "4", "--seconds", "5", "--rate", "20", "--reconnect", "2", *arguments,
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "BELLWIRE_KEY": town.cluster.operator_key},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_cluster_that_works_keeps_its_promise_under_reconnects_crashes_and_retries(
    town: Town, tmp_path: Path
) -> None:
    report_file = tmp_path / "report.json"
    code, output = await verify(
        town, "--run", "whole", "--polling", "0.3", "--streaming", "0.4", "--crash", "0.02",
        "--json", str(report_file),
    )  # fmt: skip
    assert "KEPT: no violation" in output
    assert code == 0
    report = json.loads(report_file.read_text())
    assert not any(report["violations"].values())
    # It did something: nothing is proved by a run in which nothing happened.
    assert report["writes"]["accepted"] >= 10
    assert report["applied"] > report["events"]
    assert report["connections"] > report["terminals"] == 12
    assert {"polling", "sse", "websocket"} <= report["delays"].keys()
    assert await shops_of(town, "whole") == []


async def shops_of(town: Town, run: str) -> list[str]:
    """The shops of a run that are still there."""
    response = await town.http.get(
        "/api/tenants", params={"q": f"verify-{run}-"}, headers=bearer(town.cluster.operator_key)
    )
    assert response.status_code == 200
    return [tenant["tenant"] for tenant in response.json()["tenants"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_run_that_is_stopped_takes_its_shops_away_and_gives_no_verdict(
    town: Town, number: signal.Signals
) -> None:
    run = f"cut-{number.name.lower()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", "verify", "--url", town.cluster.url, "--run", run, "--tenants", "2",
        "--terminals", "2", "--seconds", "60",
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "BELLWIRE_KEY": town.cluster.operator_key},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while b"load begins" not in (line := await asyncio.wait_for(process.stderr.readline(), 60)):
        assert line, "it ended"
    assert len(await shops_of(town, run)) == 2
    process.send_signal(number)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, output) == (1, b"")
    assert errors.decode().splitlines()[-1] == "Aborted!"
    assert await shops_of(town, run) == []


@pytest.mark.long
async def test_a_run_goes_on_at_the_shops_that_another_one_left(town: Town, tmp_path: Path) -> None:
    file, report_file = tmp_path / "kept.json", tmp_path / "report.json"
    reports = []
    for _ in range(2):
        code, output = await verify(town, "--estate", str(file), "--json", str(report_file))
        assert code == 0, output
        reports.append(json.loads(report_file.read_text()))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    response = await town.http.get(
        "/api/tenant/verify-kept-1/terminals", headers=bearer(town.cluster.operator_key)
    )
    # Four and the auditor, once; and the second run saw its own events only, but for alarms of the first.
    assert len(response.json()["terminals"]) == 5
    assert reports[1]["events"] - reports[1]["alarms"] <= reports[1]["writes"]["accepted"]


async def test_a_wrong_operator_key_is_one_sentence_and_not_a_verdict(town: Town) -> None:
    code, output = await verify(town, "--operator-key", "bw_op_wrong")
    assert code == 1
    assert "KEPT" not in output


# Faults by name, each with the trigger that makes it, and words of the violations that tell of it.
PLANTED = {
    "what was sent counts as acked": (
        "BEFORE INSERT OR UPDATE ON readings",
        """
        NEW.covered_seq := NEW.sent_seq;
        INSERT INTO coverage (terminal_id, to_seq, reading_id, stretch, from_seq, epoch, acked_at)
        SELECT NEW.terminal_id, NEW.sent_seq, NEW.reading_id, NEW.stretch, NEW.from_seq, NEW.epoch, clock_timestamp()
        WHERE NEW.sent_seq > NEW.from_seq ON CONFLICT DO NOTHING; RETURN NEW
        """,
        ("receipt", "and acked up to"),
    ),
    "acks are dropped": ("BEFORE INSERT ON coverage", "RETURN NULL", ("receipt", "has no receipt of")),
    "orders are taken for seen": (
        "BEFORE INSERT ON unseen_orders", "RETURN NULL", ("silence", "there is no alarm"),
    ),
    "orders that were seen alarm": (
        "BEFORE DELETE ON unseen_orders", "IF OLD.seen_at IS NULL THEN RETURN NULL; END IF; RETURN OLD",
        ("silence", "its alarm has no end"),
    ),
}  # fmt: skip


def trigger(number: int, when: str, body: str) -> str:
    """Plant a fault that the shops of one run have, and no others."""
    row = "OLD" if "DELETE" in when else "NEW"
    shop = f"{row}.tenant"
    if when.endswith("coverage"):
        shop = f"(SELECT tenant FROM terminals t WHERE t.terminal_id = {row}.terminal_id)"
    return f"""
        CREATE FUNCTION planted_{number}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF {shop} NOT LIKE 'verify-planted{number}-%' THEN RETURN {row}; END IF;
            {body};
        END $$;
        CREATE TRIGGER planted_{number} {when} FOR EACH ROW EXECUTE FUNCTION planted_{number}();
    """


@pytest.fixture(scope="module")
async def verdicts(
    town: Town, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, str, dict[str, Any]]]:
    """How a run ended that had this fault, what it said and what it wrote.

    The first is alone: what it does to a row fails statements that write those of others too. All others are at once.
    """
    folder = tmp_path_factory.mktemp("planted")
    connection = await asyncpg.connect(town.cluster.database_url)

    async def run(number: int) -> tuple[int, str, dict[str, Any]]:
        file = folder / f"{number}.json"
        code, said = await verify(town, "--seconds", "12", "--run", f"planted{number}", "--json", str(file))
        return code, said, json.loads(file.read_text())

    found: list[tuple[int, str, dict[str, Any]]] = []
    try:
        for together in ([0], range(1, len(PLANTED))):
            for number in together:
                await connection.execute(trigger(number, *[*PLANTED.values()][number][:2]))
            found += await asyncio.gather(*(run(number) for number in together))
    finally:
        for number in range(len(PLANTED)):
            await connection.execute(f"DROP FUNCTION IF EXISTS planted_{number} CASCADE")
        await connection.close()
    return dict(zip(PLANTED, found, strict=True))


@pytest.mark.long
@pytest.mark.parametrize("planted", PLANTED)
def test_a_false_receipt_a_missing_one_and_a_false_alarm_are_found_where_they_are_planted(
    verdicts: dict[str, tuple[int, str, dict[str, Any]]], planted: str
) -> None:
    _, _, (invariant, words) = PLANTED[planted]
    code, output, report = verdicts[planted]
    assert code == 1, output
    assert report["violations"][invariant], output
    assert words in output, output

"""The `bellwire` command: what it prints, and one sentence for whatever goes wrong."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bellwire.__main__ import main
from bellwire.samples import SAMPLES
from bellwire.settings_page import page, unknown
from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.api.full_order import shown
from tests.conftest import ROOT
from tests.schemas import faults
from tests.shop import Operator, Shop


async def bellwire(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run the command as a process; returns its exit code and what it wrote to stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", *arguments,
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **(env or {})},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def called(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Call the command in a thread of ours, which spares a process its imports; returns the same."""
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=env)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def sentence(errors: str) -> str:
    """The one sentence that an error is."""
    assert "Traceback" not in errors
    line = errors.strip().splitlines()[-1]
    assert line.startswith("Error: ")
    return line


def test_the_page_of_settings_in_the_docs_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), "bellwire settings > docs/settings.md"


def test_a_variable_that_nothing_reads_is_a_typing_error() -> None:
    environment = {
        "BELLWIRE_HEARTBEAT_SECOND": "1",
        "BELLWIRE_DRAIN_SECONDS": "1",
        "BELLWIRE_PORT": "1",
        "HOME": "/",
    }
    assert unknown(environment) == ["BELLWIRE_HEARTBEAT_SECOND"]


@pytest.mark.parametrize("command", ["api", "gateway"])
async def test_wrong_settings_stop_a_pod_and_every_one_is_listed(command: str) -> None:
    env = {
        "BELLWIRE_DATABASE_URL": "mysql://x:p4ssw0rd@y/z",
        "BELLWIRE_LISTEN_PORT": "99999",
        "BELLWIRE_LOG_FORMAT": "xml",
    }
    code, _, errors = await bellwire(command, env=env)
    assert code == 1
    assert "Traceback" not in errors
    assert "p4ssw0rd" not in errors
    for name in (
        "BELLWIRE_DATABASE_URL",
        "BELLWIRE_REDIS_URL",
        "BELLWIRE_LISTEN_PORT",
        "BELLWIRE_LOG_FORMAT",
    ):
        assert name in errors


async def test_a_port_that_is_taken_is_one_sentence(api_pod: Pod, pod_env: dict[str, str]) -> None:
    code, _, errors = await bellwire("api", "--port", str(api_pod.port), env=pod_env)
    assert code == 1
    assert "already in use" in sentence(errors)


async def test_a_database_that_is_away_is_one_sentence() -> None:
    for command in ("migrate", "operator-key"):
        code, _, errors = await called(
            command, "--database-url", f"postgresql://x:y@127.0.0.1:{free_port()}/z"
        )
        assert code == 1
        assert "PostgreSQL is unavailable" in sentence(errors)


async def test_help_lists_every_command() -> None:
    code, output, _ = await bellwire("--help")
    assert code == 0
    for command in ("api", "gateway", "migrate", "metrics", "operator-key", "order", "settings", "tail"):
        assert f"  {command}" in output


async def test_an_order_is_placed_and_its_number_printed(api_pod: Pod, shop: Shop) -> None:
    env = {"BELLWIRE_KEY": shop.storefront_key}
    code, output, _ = await bellwire("order", "--url", api_pod.url, "--item", "Tea: green:2:1.25", env=env)
    assert code == 0
    assert output.startswith("ORD-1  2.50  offset 1-1  id ")


@pytest.mark.parametrize("sample", sorted(SAMPLES))
async def test_a_sample_is_a_full_order_that_comes_back_as_it_was_placed(
    api_pod: Pod, shop: Shop, sample: str
) -> None:
    env = {"BELLWIRE_KEY": shop.storefront_key}
    words = ("order", "--url", api_pod.url, "--sample", sample, "--name", "Alan")
    code, output, _ = await called(*words, env=env)
    assert code == 0
    asked = SAMPLES[sample](datetime.now(UTC)) | {"customerName": "Alan"}
    assert output.startswith(f"ORD-1  {asked['totalAmount']:.2f}  offset 1-1  id ")
    [event] = await shop.events()
    assert faults("socket", event) == []
    got = event["data"]
    # A moment that is later by what the command took.
    assert ("scheduledFor" in got) == (asked.pop("scheduledFor", None) is not None)
    wanted = shown({"adjustments": [], **asked})
    assert {"adjustments": [], **{name: got[name] for name in asked}} == wanted


async def test_a_sample_has_its_own_items(api_pod: Pod, shop: Shop) -> None:
    env = {"BELLWIRE_KEY": shop.storefront_key}
    words = ("order", "--url", api_pod.url, "--sample", "lunch", "--item", "Tea:1:2")
    code, _, errors = await called(*words, env=env)
    assert code == 1
    assert "give --item or --sample" in sentence(errors)


async def test_an_order_that_is_refused_is_one_sentence_that_names_the_field(
    api_pod: Pod, shop: Shop
) -> None:
    env = {"BELLWIRE_KEY": shop.storefront_key}
    code, _, errors = await called("order", "--url", api_pod.url, "--item", "Tea:0:1.25", env=env)
    assert code == 1
    assert "items.0.quantity" in sentence(errors)
    code, _, errors = await called("order", "--url", api_pod.url, "--item", "Tea", env=env)
    assert code == 1
    assert "is not an item" in sentence(errors)


@pytest.mark.parametrize("command", ["tail", "order"])
async def test_a_wrong_key_and_an_address_where_nobody_is_are_one_sentence(
    api_pod: Pod, command: str
) -> None:
    code, _, errors = await called(command, "--url", api_pod.url, "--key", "nonsense")
    assert code == 1
    assert "401" in sentence(errors)
    code, _, errors = await called(command, "--url", f"http://127.0.0.1:{free_port()}", "--key", "nonsense")
    assert code == 1
    assert "does not answer" in sentence(errors)
    code, _, errors = await called(command, "--url", "nowhere", "--key", "nonsense")
    assert code == 1
    assert "not an address" in sentence(errors)


async def test_tail_needs_a_terminals_key(api_pod: Pod, shop: Shop, operator: Operator) -> None:
    code, _, errors = await called("tail", "--url", api_pod.url, env={"BELLWIRE_KEY": operator.key})
    assert code == 1
    assert "no shop" in sentence(errors)


async def test_tail_prints_what_it_missed_and_remembers_where_it_was(
    gateway: Pod, shop: Shop, tmp_path: Path
) -> None:
    state = tmp_path / "offset"
    arguments = ["tail", "--url", gateway.url, "--tenant", shop.slug, "--state", str(state)]
    env = {"BELLWIRE_KEY": shop.terminal_key}
    await shop.order(customerName="Grace")
    await shop.order(customerName="Edsger")
    code, output, _ = await called(*arguments, "--after", "0", "--count", "1", env=env)
    assert code == 0
    assert "new_order" in output
    assert "Grace: 2 × Döner, 1 × Ayran" in output
    assert state.read_text() == "1-1"
    code, output, _ = await called(*arguments, "--json", "--count", "1", env=env)
    assert code == 0
    assert json.loads(output)["data"]["customerName"] == "Edsger"
    code, _, errors = await called(*arguments, "--after", "yesterday", env=env)
    assert code == 1
    assert "after" in sentence(errors)


async def test_tail_says_how_many_items_there_are_where_it_cannot_have_them(gateway: Pod, shop: Shop) -> None:
    items = [
        {"name": f"Sandwich {n}", "quantity": 0.5, "unitPrice": 7, "notes": "x" * 80} for n in range(300)
    ]
    await shop.order(items=items, customerName=None)
    # A gateway alone has no orders to give.
    arguments = ["tail", "--url", gateway.url, "--tenant", shop.slug, "--after", "0", "--count", "1"]
    code, output, errors = await called(*arguments, env={"BELLWIRE_KEY": shop.terminal_key})
    assert code == 0
    assert "the items of ORD-1 cannot be had" in errors
    assert "1050.00  -: 300 items" in output


async def test_tail_does_not_come_back_when_another_device_took_its_place(gateway: Pod, shop: Shop) -> None:
    env = {"BELLWIRE_KEY": shop.terminal_key}
    arguments = ["tail", "--url", gateway.url, "--tenant", shop.slug, "--count", "1"]
    # Two processes: in one, each would take the other's console.
    tails = [asyncio.create_task(bellwire(*arguments, env=env)) for _ in range(2)]
    done, left = await asyncio.wait(tails, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    code, _, errors = done.pop().result()
    assert code == 1
    assert "another device" in sentence(errors)
    await shop.order()
    code, output, _ = await left.pop()
    assert code == 0
    assert "new_order" in output

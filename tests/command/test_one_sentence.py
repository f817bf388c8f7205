"""For anything typed or set wrongly: one sentence that says what, in time, and never a traceback."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from api.settings import ApiSettings
from backbone.eventlog.addresses import check_addresses, check_database_url
from backbone.runtime.settings import InvalidSettings, PodSettings, load_settings
from bellwire.__main__ import main
from gateway.settings import GatewaySettings
from infra.local.certificate import make_certificate
from infra.local.pods import Pod
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from tests.command.test_command import bellwire, sentence
from tests.conftest import ROOT
from tests.shop import Operator, Shop

GOOD = {
    "BELLWIRE_DATABASE_URL": "postgresql://x:p4ssw0rd@127.0.0.1:5432/x",
    "BELLWIRE_REDIS_URL": "redis://:p4ssw0rd@127.0.0.1:6379/0",
    "BELLWIRE_CARD_SECRET": "p4ssw0rd" * 4,
}
WRONG = (
    "", " ", "x", "-1", "0", "1e400", "nan", "inf", "99999999999999999999", "1.5.1", "true", "null", "[]", "[", "{}",
    '["x"]', "[1]", '{"a": 1}', "\udcff", "\x01", "ö", "x" * 100_000, ",", ",,", "http://", "https://a/b", "http://a:b",
    "postgresql://", "postgresql://u:p4ssw0rd@h:abc/x", "postgresql://h/x?sslmode=p", "postgresql://h:0/x?port=a",
    "mysql://u:p4ssw0rd@h/x", "redis://", "redis://h/0?socket_timeout=abc", "redis://h/0?unknown=1", "redis://h/abc",
    "rediss://h/0?ssl_cert_reqs=x", "redis://h:99999999/0", "redis+sentinel://h", "redis+cluster://h/7", "unix://",
    "redis://h/0?db=x", "redis://[::1/0", "file://", "*", "http://[::1", "http://h:99999999/",
)  # fmt: skip


def fields() -> Iterator[object]:
    for cls in (ApiSettings, GatewaySettings):
        for name in cls.model_fields:
            yield pytest.param(cls, name, id=f"{cls.__name__}-{name}")


@pytest.mark.parametrize(("cls", "name"), list(fields()))
def test_no_value_of_any_setting_makes_a_traceback_and_the_wrong_one_is_named(
    cls: type[PodSettings], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [each for each in os.environ if each.startswith("BELLWIRE_")]:
        monkeypatch.delenv(variable)
    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)
    check_addresses(load_settings(cls))
    variable = f"BELLWIRE_{name.upper()}"
    for value in WRONG:
        monkeypatch.setenv(variable, value)
        try:
            check_addresses(load_settings(cls))
        except InvalidSettings as exc:
            assert str(exc).startswith(f"{variable}: ")
            assert "\n" not in str(exc)
            assert "p4ssw0rd" not in str(exc)


@pytest.mark.parametrize("mode", ["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
@pytest.mark.parametrize(
    "redis", ["redis://h/0", "unix:///s", "redis+sentinel://h/p", "redis+cluster://h", "rediss://h/0",
              "rediss+sentinel://h/p", "rediss+cluster://h"]
)  # fmt: skip
def test_where_tls_is_required_an_address_without_it_stops_the_pod(
    mode: str, redis: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)
    # libpq's default place for the authorities that verify-… needs.
    monkeypatch.setenv("PGSSLROOTCERT", str(_authority(tmp_path)))
    monkeypatch.setenv(
        "BELLWIRE_DATABASE_URL", "postgresql://u:p4ssw0rd@h/d" + (f"?sslmode={mode}" if mode else "")
    )
    monkeypatch.setenv("BELLWIRE_REDIS_URL", redis)
    check_addresses(load_settings(ApiSettings))
    monkeypatch.setenv("BELLWIRE_REQUIRE_TLS", "true")
    wrong = {
        "BELLWIRE_DATABASE_URL": mode not in ("require", "verify-ca", "verify-full"),
        "BELLWIRE_REDIS_URL": not redis.startswith("rediss"),
    }
    if not any(wrong.values()):
        check_addresses(load_settings(ApiSettings))
        return
    with pytest.raises(InvalidSettings) as caught:
        check_addresses(load_settings(ApiSettings))
    assert {name: name in str(caught.value) for name in wrong} == wrong
    assert "p4ssw0rd" not in str(caught.value)


def _authority(folder: Path) -> Path:
    make_certificate(folder, folder / "ca.pem")
    return folder / "ca.pem"


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("http://a", ("http://a",)),
        ("https://a.example, http://b.example:8080", ("https://a.example", "http://b.example:8080")),
        ('["https://a.example","*"]', ("https://a.example", "*")),
        ("null,file://,*", ("null", "file://", "*")),
        ("", ()),
        ("[]", ()),
        ("app://localhost", ("app://localhost",)),
        ("http://[::1]:80", ("http://[::1]:80",)),
    ],
)
def test_allowed_origins_are_a_list_with_commas_and_json_is_still_read(
    text: str, origins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("BELLWIRE_ALLOWED_ORIGINS", text)
    assert load_settings(GatewaySettings).allowed_origins == origins


@pytest.mark.parametrize(
    "text",
    ["a", "http://a/", "http://a/b", "http://a,", "http://", "http://a:b", "http://a:0", "http://u@a", "http://a b",
     "http://a?b", "//a", '["http://a/"]', '["a"', "[1]", "http://a http://b", "http://a:"],
)  # fmt: skip
def test_what_is_no_origin_is_refused_and_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("BELLWIRE_ALLOWED_ORIGINS", text)
    with pytest.raises(InvalidSettings, match="BELLWIRE_ALLOWED_ORIGINS: "):
        load_settings(GatewaySettings)


@pytest.mark.parametrize("command", ["api", "gateway"])
async def test_a_pod_that_is_told_what_no_library_can_read_says_so_and_ends(command: str) -> None:
    wrong = {
        "BELLWIRE_DATABASE_URL": "postgresql://u:p4ssw0rd@h/x?sslmode=nonsense",
        "BELLWIRE_REDIS_URL": "redis://:p4ssw0rd@h/0?nonsense=1",
    }
    code, _, errors = await bellwire(command, env={**GOOD, **wrong, "BELLWIRE_WORKERS": "2"})
    assert code == 1
    assert "Traceback" not in errors
    assert "p4ssw0rd" not in errors
    assert "BELLWIRE_DATABASE_URL" in errors
    assert "BELLWIRE_REDIS_URL" in errors


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_an_address_that_cannot_be_listened_on_names_itself(workers: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        arguments = ["gateway", "--host", "127.0.0.1", "--port", str(port), "--workers", workers]
        code, _, errors = await bellwire(*arguments, env=GOOD)
    assert code == 1
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in sentence(errors)
    code, _, errors = await bellwire("gateway", "--host", "a" * 70, "--workers", workers, env=GOOD)
    assert code == 1
    assert f"{'a' * 70}:8000 cannot be listened on" in sentence(errors)


def test_a_gateway_that_strangers_pages_may_speak_to_says_so_at_its_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from gateway import app

    for variable, value in GOOD.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(app, "configure_logging", lambda *_: None)
    for text, warned in (("https://a.example", False), ("*", True), ("https://a.example,null", True)):
        caplog.clear()
        monkeypatch.setenv("BELLWIRE_ALLOWED_ORIGINS", text)
        app._settings()
        assert ("origins.open" in caplog.text) == warned


DATABASE_COMMANDS = {
    "migrate": [],
    "operator-key": [],
    "audit": [],
    "role-settings": [],
    "forget": ["--redis-url", "redis://127.0.0.1:1/0", "--tenant", "x", "--phone", "+491701234567"],
}


@pytest.mark.parametrize("command", DATABASE_COMMANDS)
def test_a_wrong_database_url_is_one_sentence_in_every_command_and_keeps_its_password(command: str) -> None:
    urls = ["mysql://u:p4ssw0rd@a", "nonsense", "", "postgresql://u:p4ssw0rd@h:abc/x", "postgresql://u:p4ssw0rd@h:1/x?sslmode=x",
            "postgresql://u:p4ssw0rd@[::1/x", "postgresql://u:p4ssw0rd@h:99999999/x", "p4ssw0rd"]  # fmt: skip
    for url in urls:
        done = CliRunner().invoke(main, [command, "--database-url", url, *DATABASE_COMMANDS[command]])
        assert done.exit_code in (1, 2), url
        assert isinstance(done.exception, SystemExit), (url, done.exception)
        assert "p4ssw0rd" not in done.output
        assert "database-url" in done.output


@pytest.mark.parametrize("command", DATABASE_COMMANDS)
def test_a_database_that_lets_nobody_in_or_is_empty_is_one_sentence(command: str, postgres: Postgres) -> None:
    def said(url: str) -> str:
        done = CliRunner().invoke(main, [command, "--database-url", url, *DATABASE_COMMANDS[command]])
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.exception
        return done.output

    base, _, _ = postgres.url.rpartition("/")
    assert "no_such_database" in said(f"{base}/no_such_database")
    refused = said(f"postgresql://bellwire:wr0ng@{postgres.url.rpartition('@')[2]}")
    assert "password authentication failed" in refused
    assert "wr0ng" not in refused
    if command in ("operator-key", "audit", "forget"):
        assert "run `bellwire migrate` first" in said(f"{base}/template1")


def commands() -> list[object]:
    return [pytest.param(command, id=name) for name, command in main.commands.items()]


@pytest.mark.parametrize("command", commands())
def test_a_missing_option_names_its_variable_and_the_help_names_every_variable(
    command: click.Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [each for each in os.environ if each.startswith("BELLWIRE_")]:
        monkeypatch.delenv(variable)
    said = CliRunner().invoke(main, [str(command.name), "--help"]).output
    options = [option for option in command.params if isinstance(option, click.Option)]
    for option in options:
        if option.envvar:
            assert str(option.envvar) in said
    required = [option for option in options if option.required]
    if required:
        words = ["x" for each in command.params if isinstance(each, click.Argument) and each.required]
        done = CliRunner().invoke(main, [str(command.name), *words])
        assert done.exit_code == 2
        assert f"Missing option '{required[0].opts[0]}'" in done.output
        assert not required[0].envvar or str(required[0].envvar) in done.output


def test_the_demo_s_port_is_where_the_commands_look(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("BELLWIRE_PORT", str(port))
    monkeypatch.delenv("BELLWIRE_URL", raising=False)
    done = CliRunner().invoke(main, ["order", "--key", "x"])
    assert f"http://127.0.0.1:{port} does not answer" in done.output


@pytest.mark.parametrize("command", ["order", "tail", "verify"])
def test_an_address_or_a_key_that_is_none_is_one_sentence(command: str) -> None:
    key = "--operator-key" if command == "verify" else "--key"
    for url in (
        "",
        "nowhere",
        "http://",
        "http://h:abc",
        "http://[::1",
        "http://h:99999999",
        "ftp://h",
        "http://h:0",
    ):
        done = CliRunner().invoke(main, [command, "--url", url, key, "x"])
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), (url, done.exception)
        assert "is not an address" in done.output
    for wrong in ("schlüssel", "a\nb", "\udcff"):
        done = CliRunner().invoke(main, [command, "--url", "http://127.0.0.1:1", key, wrong])
        assert (done.exit_code, type(done.exception)) == (1, SystemExit), (wrong, done.exception)
        assert "characters that no key has" in done.output


@pytest.mark.parametrize("item", ["Tea", "Tea:x:1", "Tea:1:x", "Tea:1:nan", "Tea:1:inf", "::", ""])
def test_an_item_that_is_none_is_one_sentence(item: str) -> None:
    done = CliRunner().invoke(main, ["order", "--url", "http://127.0.0.1:1", "--key", "x", "--item", item])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "is not an item" in done.output


@pytest.fixture
async def stranger() -> AsyncIterator[str]:
    """The address of something that speaks HTTP and is not Bellwire."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("command", ["order", "tail", "verify"])
async def test_something_else_that_answers_is_one_sentence(command: str, stranger: str) -> None:
    key = "--operator-key" if command == "verify" else "--key"
    code, _, errors = await bellwire(command, "--url", stranger, key, "x")
    assert code == 1
    assert "is not Bellwire" in sentence(errors)


@pytest.mark.parametrize("path", ["/nonexistent/x", "/proc/x", "{tmp}", "{tmp}/binary"])
def test_a_state_that_cannot_be_kept_is_said_before_anything_is_shown(path: str, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    arguments = ["tail", "--url", "http://127.0.0.1:1", "--key", "x", "--state", path.format(tmp=tmp_path)]
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, type(done.exception)) in ((1, SystemExit), (2, SystemExit))
    assert path.format(tmp=tmp_path) in done.output.replace("\n", " ")
    assert "does not answer" not in done.output


async def test_verify_against_nobody_ends_soon_with_one_sentence() -> None:
    began = time.monotonic()
    code, _, errors = await bellwire("verify", "--url", "http://127.0.0.1:1", "--operator-key", "x")
    assert time.monotonic() - began < 30  # it waits for 5 s; the rest is Python's start on a busy machine
    assert code == 1
    assert errors == "Error: nobody answers at http://127.0.0.1:1\n"


async def test_verify_with_a_wrong_key_or_file_ends_with_one_sentence_and_no_library_s_complaint(
    api_pod: Pod, shop: Shop, tmp_path: Path
) -> None:
    for key, said in (("nonsense", "the key is not valid"), (shop.storefront_key, "not an operator's key")):
        code, _, errors = await bellwire("verify", "--url", api_pod.url, "--operator-key", key)
        assert code == 1
        assert said in sentence(errors)
        assert len(errors.splitlines()) == 1
    (tmp_path / "estate").write_text("nonsense")
    for words in (["--estate", str(tmp_path / "estate")], ["--json", "/nonexistent/report"]):
        code, _, errors = await bellwire("verify", "--url", api_pod.url, "--operator-key", "x", *words)
        assert code == 1
        assert words[1] in sentence(errors)


async def test_ctrl_c_on_verify_leaves_no_library_s_complaint(api_pod: Pod, operator: Operator) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bellwire", "verify", "--url", api_pod.url, "--seconds", "60",
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "BELLWIRE_KEY": operator.key},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    # The terminals find no gateway at this address: it is registering or waiting for them until we stop it.
    await asyncio.sleep(4)
    process.send_signal(signal.SIGINT)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert [line for line in errors.decode().splitlines() if line and not line.startswith("verify: ")] == [
        "Aborted!"
    ]


def test_the_version_is_one_and_the_documentation_says_the_same(api_pod: Pod, gateway: Pod) -> None:
    said = CliRunner().invoke(main, ["--version"]).output
    assert said == f"bellwire, version {version('bellwire')}\n" or said.endswith(
        f"version {version('bellwire')}\n"
    )
    for pod in (api_pod, gateway):
        assert httpx.get(f"{pod.url}/openapi.json").json()["info"]["version"] == version("bellwire")
        assert f"Version {version('bellwire')} " in httpx.get(f"{pod.url}/docs").text


def test_an_address_that_the_driver_can_read_is_taken() -> None:
    for url in (
        "postgresql://u:p@a:1,b:2/x",
        "postgres://a/x?sslmode=require",
        "postgresql:///x",
        "postgresql://[::1]:5/x",
    ):
        check_database_url(url)

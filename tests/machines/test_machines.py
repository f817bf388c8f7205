"""The files for plain machines: units and settings fit the pods, HAProxy takes its own, and the page fills all in."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from bellwire.__main__ import main
from bellwire.settings_page import unknown
from gateway.settings import GatewaySettings
from infra.local.haproxy import CONFIGURATION, find_haproxy

ROOT = Path(__file__).resolve().parents[2]
MACHINES = ROOT / "infra" / "machines"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Plain machines\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```sh\n(.*?)```", SECTION, re.S)
SETTING = re.compile(r'^(\w+)="(.*)"$', re.M)
SECRETS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "REDIS_SECRET", "CARD_SECRET")


def settings(name: str) -> dict[str, str]:
    return dict(SETTING.findall((MACHINES / name).read_text(encoding="utf-8")))


def unit(role: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(MACHINES / f"bellwire-{role}@.service", encoding="utf-8")
    return parser


@pytest.mark.parametrize("role", ["api", "gateway"])
def test_a_unit_runs_a_pod_with_settings_that_it_reads(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("pod.env", "api.env") if role == "api" else ("pod.env",)
    for name in files:
        assert unknown(settings(name)) == []
        for setting, value in settings(name).items():
            monkeypatch.setenv(setting, value)
    program, word, *arguments = unit(role)["Service"]["ExecStart"].replace("%i", "8000").split()
    assert program == "/opt/bellwire/bin/bellwire"
    assert word == role
    main.commands[word].make_context(word, arguments)


def test_a_gateway_is_not_told_the_secret_of_cards() -> None:
    text = (MACHINES / "bellwire-gateway@.service").read_text(encoding="utf-8")
    assert "api.env" not in text
    assert "SECRET" not in text
    assert "BELLWIRE_CARD_SECRET" not in settings("pod.env")


def test_a_gateway_may_finish_and_open_as_many_files_as_it_needs() -> None:
    fields = GatewaySettings.model_fields
    service = unit("gateway")["Service"]
    wanted = fields["drain_notice_seconds"].default + fields["drain_seconds"].default + 30
    assert int(service["TimeoutStopSec"]) >= wanted
    assert int(service["LimitNOFILE"]) >= fields["max_sockets"].default + 256


def test_haproxy_takes_its_configuration_with_these_settings() -> None:
    ours = settings("haproxy.env")
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert {name for name in ours if name not in text} == set()
    ours["LB_LEAVE_LUA"] = str(CONFIGURATION.with_name("leave.lua"))
    tool = find_haproxy()
    done = subprocess.run(
        [tool.path, "-c", "-f", CONFIGURATION], env={**tool.environment(), **ours}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_postgresql_has_as_many_connections_as_in_the_other_ways_to_run_it() -> None:
    compose = yaml.safe_load((ROOT / "infra" / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    (words,) = [word for word in compose["services"]["postgres"]["command"] if "max_connections" in word]
    assert words.replace("=", " = ") in (MACHINES / "postgresql.conf").read_text(encoding="utf-8")


def test_what_the_page_types_puts_a_secret_wherever_one_is_wanted(tmp_path: Path) -> None:
    shutil.copytree(MACHINES, tmp_path / "site")
    (tmp_path / "checkout").mkdir()
    found = re.search(r"^for name in .*?^done$", BLOCKS[0], re.M | re.S)
    assert found
    subprocess.run(["sh", "-eu", "-c", found[0]], cwd=tmp_path / "checkout", check=True)
    files = [path for path in (tmp_path / "site").iterdir() if path.suffix in {".env", ".sql", ".conf"}]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    for secret in SECRETS:
        assert not [name for name, text in texts.items() if re.search(rf"\b{secret}\b", text)]
    (password,) = re.findall(r"PASSWORD '(\w{48})'", texts["database.sql"])
    assert f"bellwire:{password}@" in texts["pod.env"]
    (password,) = re.findall(r"^requirepass (\w{48})$", texts["redis.conf"], re.M)
    assert f"redis://:{password}@" in texts["pod.env"]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_page_types_is_shell(number: int) -> None:
    subprocess.run(["sh", "-n"], input=BLOCKS[number], text=True, check=True)


def test_every_file_that_the_page_copies_is_there() -> None:
    copied = {word for line in BLOCKS[0].splitlines() if "scp " in line for word in line.split()}
    named = {word for word in copied if re.fullmatch(r"[\w-]+\.(conf|sql|env|cfg|lua)|as-pod", word)}
    ours = {path.name for path in MACHINES.iterdir()} | {path.name for path in CONFIGURATION.parent.iterdir()}
    assert len(named) > 6
    assert named <= ours

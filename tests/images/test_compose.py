"""The Compose file: by Compose's own schema, and in what it says of our pods and of HAProxy."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bellwire.__main__ import main
from bellwire.settings_page import unknown
from infra.local.haproxy import CONFIGURATION, find_haproxy

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "infra" / "compose" / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "api", "gateway")
# Made by hand from github.com/compose-spec/compose-go/v2 2.16.2, schema/compose-spec.json (Apache License 2.0), without
# its descriptions.
SCHEMA = json.loads(Path(__file__).with_name("compose-spec.json").read_text(encoding="utf-8"))


def test_it_is_a_compose_file() -> None:
    assert list(Draft202012Validator(SCHEMA).iter_errors(COMPOSE)) == []
    assert list(Draft202012Validator(SCHEMA).iter_errors({**COMPOSE, "servces": {}})) != []


def test_our_services_run_the_release_with_settings_and_words_that_bellwire_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in OURS:
        service = SERVICES[name]
        assert service["image"] == f"bellwire:{version()}"
        assert list(unknown(service["environment"])) == []
        for setting, value in service["environment"].items():
            monkeypatch.setenv(setting, value)
        word, *arguments = service["command"]
        main.commands[word].make_context(word, arguments)


def version() -> str:
    text = (ROOT / "infra" / "k8s" / "base" / "release.yaml").read_text(encoding="utf-8")
    (found,) = re.findall(r"^  version: (\S+)$", text, re.MULTILINE)
    return str(found)


def test_other_images_are_pinned() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":\d+(\.\d+)+$", service["image"]), name


def test_no_secret_is_written_down_and_none_may_be_missing() -> None:
    for name, service in SERVICES.items():
        texts = [*service.get("environment", {}).items(), *enumerate(map(str, service["command"]))]
        for key, value in texts:
            if re.search("PASSWORD|SECRET$|AUTH|_URL", str(key)):
                assert "${" in value, f"{name}: {key}"
    assert not re.search(r"\$\{\w+\}", FILE.read_text(encoding="utf-8")), "a variable that may be empty"


def test_pods_are_confined_and_may_finish() -> None:
    for name in ("api", "gateway", "haproxy"):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    seconds = int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    # The defaults of its notice and its drain, and the seconds that docs/operations.md promises.
    assert seconds >= 3 + 20 + 30


def test_haproxy_takes_its_configuration_with_the_environment_of_its_service() -> None:
    environment = SERVICES["haproxy"]["environment"]
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert {name for name in environment if name not in text} == set()
    for role in ("gateway", "api"):
        assert environment[f"LB_{role.upper()}_FQDN"] in SERVICES
    tool = find_haproxy()
    done = subprocess.run(
        [tool.path, "-c", "-f", CONFIGURATION], env={**tool.environment(), **environment}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

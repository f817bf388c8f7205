"""The demo's settings: defaults without any, every wrong one named at once."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.failure import WrongSetting
from infra.local.plan import Plan

ROOT = Path(__file__).resolve().parents[2]


def demo(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infra.local.demo", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_settings_it_is_two_api_pods_and_three_gateway_pods_on_8080() -> None:
    plan = Plan.from_environment({}, default_port=8080)
    assert plan == Plan(api_pods=2, gateway_pods=3, port=8080)


def test_settings_change_it_and_empty_ones_do_not() -> None:
    env = {
        "BELLWIRE_PORT": "8090",
        "BELLWIRE_API_PODS": "1",
        "BELLWIRE_GATEWAY_PODS": "8",
        "BELLWIRE_REDIS_URL": "",
        "MONITORING": "1",
    }
    assert Plan.from_environment(env) == Plan(api_pods=1, gateway_pods=8, port=8090, monitoring=True)


def test_every_wrong_setting_is_named_and_no_password_is_repeated() -> None:
    env = {
        "BELLWIRE_PORT": "0",
        "BELLWIRE_API_PODS": "9",
        "BELLWIRE_GATEWAY_PODS": "three",
        "BELLWIRE_DATABASE_URL": "mysql://user:secret@host/db",
        "BELLWIRE_REDIS_URL": "redis:/host",
    }
    with pytest.raises(WrongSetting) as caught:
        Plan.from_environment(env)
    named = {line.split()[0] for line in str(caught.value).splitlines()}
    assert named == set(env)
    assert "secret" not in str(caught.value)


def test_a_wrong_setting_ends_the_demo_with_2_before_it_does_anything() -> None:
    done = demo(BELLWIRE_API_PODS="0", BELLWIRE_GATEWAY_PODS="99")
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "BELLWIRE_API_PODS must be a whole number from 1 to 8, not '0'.",
        "BELLWIRE_GATEWAY_PODS must be a whole number from 1 to 8, not '99'.",
    ]


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = demo(BELLWIRE_PORT=str(port))
    assert done.returncode == 1
    assert done.stdout.startswith(f"Port {port} is taken by another program")
    assert len(done.stdout.splitlines()) == 1

"""The libraries that a process loads: a pod none of the clients, the checker only what its extra installs."""

import subprocess
import sys

import pytest

from bellwire.verify_command import VERIFY_PACKAGES

CLIENTS = {
    "aiohttp",
    "bellwire_terminal",
    "bellwire.client",
    "bellwire.verify.client",
    "httpx_sse",
    "locust",
    "websocket",
}


def modules_of(pod: str) -> set[str]:
    """The modules of a process that runs `bellwire api` or `bellwire gateway`, when it begins to serve."""
    script = f"import sys, bellwire.__main__, {pod}.app, bellwire.settings_page; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("pod", ["api", "gateway"])
def test_a_pod_loads_no_client_and_no_tool_of_the_repository(pod: str) -> None:
    modules = modules_of(pod)
    assert f"{pod}.app" in modules
    assert not modules & (CLIENTS | {"infra", "pytest"})


def test_a_gateway_does_not_load_what_only_the_api_needs() -> None:
    # The API checks addresses of webhooks with httpx and calls them with httpcore; where rich is, httpx loads it.
    assert not modules_of("gateway") & {"httpx", "httpcore", "rich"}


@pytest.mark.parametrize("package", VERIFY_PACKAGES)
def test_without_its_extra_the_checker_says_what_to_install(package: str) -> None:
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from bellwire.__main__ import main\n"
        "main(['verify', '--operator-key', 'nonsense', '--streaming', '0.5'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: bellwire verify needs {package}, which is not installed: pip install 'bellwire[verify]'\n"
    )

"""Gateway pods as processes, and terminals that are plain clients of the library `websockets`."""

import sys
from collections.abc import Iterator

import pytest

from infra.local.pods import Pod
from infra.local.ports import free_port
from tests.conftest import ROOT
from tests.gateway.till import StartGateway

QUICK = {
    "BELLWIRE_HEARTBEAT_SECONDS": "1",
    "BELLWIRE_DRAIN_NOTICE_SECONDS": "0",
    "BELLWIRE_SLOW_SECONDS": "2",
}


def gateway_of(name: str, env: dict[str, str], lines: list[str]) -> Pod:
    """A gateway pod, not started; `lines` gets its log."""
    return Pod(
        "gateway",
        name,
        [sys.executable, "-m", "bellwire", "gateway"],
        free_port(),
        env={**QUICK, **env, "BELLWIRE_POD_NAME": name},
        cwd=ROOT,
        sink=lambda _, line: lines.append(line),
    )


@pytest.fixture(scope="session")
def gateways(pod_env: dict[str, str]) -> Iterator[tuple[Pod, Pod]]:
    """The run's two gateway pods."""
    pods = (gateway_of("gateway-1", pod_env, []), gateway_of("gateway-2", pod_env, []))
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.await_ready()
    yield pods
    for pod in pods:
        pod.stop(10)


@pytest.fixture(scope="session")
def gateway(gateways: tuple[Pod, Pod]) -> Pod:
    """The first of them."""
    return gateways[0]


@pytest.fixture
def start_gateway(pod_env: dict[str, str]) -> Iterator[StartGateway]:
    """Call it for a gateway pod of the test's own, with settings over the run's, and with a list for its log."""
    pods: list[Pod] = []

    def start(settings: dict[str, str], lines: list[str] | None = None, *, ready: bool = True) -> Pod:
        pod = gateway_of(f"own-gateway-{len(pods)}", {**pod_env, **settings}, [] if lines is None else lines)
        pods.append(pod)
        pod.start()
        if ready:
            pod.await_ready()
        return pod

    yield start
    for pod in pods:
        pod.stop(10)

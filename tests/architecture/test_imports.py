"""Imports point down, and each third party has one home. Read from the code itself, not from a list of modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "api",
    "backbone",
    "bellwire",
    "gateway",
    "infra",
    "loadtests",
    "benchmarks",
    "chaos",
    "conformance",
)

# Which parts of the house a part may import, besides itself.
MAY_IMPORT = {
    "backbone": (),
    "backbone/contract": (),
    "backbone/eventlog": ("backbone/contract", "backbone/runtime"),
    "backbone/runtime": ("backbone/contract",),
    "api/core": ("backbone/contract",),
    "gateway/core": ("backbone/contract",),
    "api": ("backbone", "api"),
    "gateway": ("backbone", "gateway"),
    "infra": ("infra",),
    "loadtests": ("loadtests",),
    "benchmarks": ("benchmarks", "infra", "backbone", "api/db"),
    "bellwire": ("bellwire", "api", "gateway", "backbone"),
    # Black box: it knows the public contract, and nothing of the server.
    "bellwire/verify": (),
    "chaos": ("chaos", "infra"),
    # The protocol class alone, without anything of a gateway around it.
    "conformance": ("infra", "gateway/transport/websocket"),
}

# Where a third party may be imported.
HOMES = {
    "redis": tuple(
        f"backbone/eventlog/{name}.py"
        for name in (
            "stream",
            "live",
            "node",
            "slot_map",
            "subscription",
            "topology",
            "raw_connection",
            "pipeline",
        )
    ),
    "hiredis": ("backbone/eventlog/raw_connection.py", "backbone/eventlog/pipeline.py"),
    "asyncpg": (
        "backbone/eventlog/postgres.py",
        "backbone/eventlog/primary.py",
        "backbone/eventlog/idle_connections.py",
        "api/db/",
    ),
    "uvicorn": (
        "backbone/runtime/server.py",
        "backbone/runtime/single_write.py",
        "gateway/transport/websocket.py",
        "gateway/transport/event_stream.py",
    ),
    "uvloop": ("backbone/runtime/server.py", "bellwire/verify/command.py"),
    "aiohttp": ("bellwire/verify/client.py",),
    "httpx_sse": ("bellwire/verify/streaming.py",),
    "pydantic_settings": ("backbone/runtime/settings.py",),
    "opentelemetry": ("backbone/runtime/tracing.py",),
    "httpcore": ("api/webhooks/",),
    "standardwebhooks": ("api/webhooks/message.py",),
}

# What a pure part must not know: clocks, sockets, environment, randomness, tasks.
IMPURE = {"asyncio", "datetime", "os", "random", "secrets", "socket", "threading", "time", "uuid", "logging"}
PURE = ("backbone/contract", "api/core", "gateway/core")
# `datetime` as a value, not as a clock.
ALLOWED_IMPURE = {("backbone/contract/event.py", "datetime")}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module


def part_of(path: Path) -> str:
    relative = path.relative_to(ROOT).as_posix()
    return max((part for part in MAY_IMPORT if relative.startswith(part + "/")), key=len)


def cases(*parts: str) -> list[object]:
    return [
        pytest.param(path, id=path.relative_to(ROOT).as_posix())
        for path in sources()
        if not parts or part_of(path) in parts
    ]


@pytest.mark.parametrize("path", cases())
def test_imports_point_down(path: Path) -> None:
    part = part_of(path)
    for module in imports(path):
        if module.split(".")[0] in PACKAGES:
            target = module.replace(".", "/")
            allowed = (part, *MAY_IMPORT[part])
            assert any(f"{target}/".startswith(f"{base}/") for base in allowed), (
                f"{part} must not import {module}"
            )


@pytest.mark.parametrize("path", cases())
def test_each_third_party_has_one_home(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith(("benchmarks/", "loadtests/", "infra/", "chaos/", "conformance/")):
        return
    for module in imports(path):
        homes = HOMES.get(module.split(".")[0])
        assert homes is None or relative.startswith(homes), f"{module} has its home in {homes}"


@pytest.mark.parametrize("path", cases(*PURE))
def test_a_core_knows_no_clock_no_socket_and_no_chance(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    for module in imports(path):
        name = module.split(".")[0]
        assert name not in IMPURE or (relative, name) in ALLOWED_IMPURE, f"{relative} imports {module}"

"""Imports point down, and each third party has one home. Read from the code itself, not from a list of modules."""

from pathlib import Path

import pytest

from tests.architecture.house import Tree, part_of

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
    "drill",
    "conformance",
    "examples",
)

# Which parts of the house a part may import, besides itself: a folder, or a file by its name without `.py`.
MAY_IMPORT = {
    "backbone": (),
    "backbone/contract": (),
    "backbone/eventlog": ("backbone/contract", "backbone/runtime"),
    "backbone/runtime": ("backbone/contract",),
    "api/core": ("backbone/contract",),
    "api": ("backbone", "api"),
    # The gateway's floors, each built on those above it in this list; a new file at the top takes a row of its own.
    "gateway": (),
    "gateway/settings": ("backbone",),
    "gateway/metrics": (),
    "gateway/core": ("backbone/contract",),
    "gateway/transport": ("backbone", "gateway/core", "gateway/metrics"),
    "gateway/fanout": ("backbone", "gateway/core", "gateway/metrics", "gateway/transport/connection"),
    "gateway/rooms": (
        "backbone",
        "gateway/core",
        "gateway/metrics",
        "gateway/transport/connection",
        "gateway/fanout",
    ),
    "gateway/replay": ("backbone", "gateway/core", "gateway/metrics", "gateway/fanout", "gateway/rooms"),
    "gateway/head_check": ("backbone", "gateway/settings", "gateway/metrics", "gateway/rooms"),
    "gateway/upkeep": ("backbone", "gateway/settings", "gateway/core", "gateway/metrics", "gateway/rooms"),
    "gateway/hub": (
        "backbone",
        "gateway/settings",
        "gateway/core",
        "gateway/metrics",
        "gateway/fanout",
        "gateway/rooms",
        "gateway/replay",
        "gateway/head_check",
        "gateway/upkeep",
    ),
    "gateway/figures": ("backbone", "gateway/metrics", "gateway/hub"),
    "gateway/moves": ("gateway/core", "gateway/hub"),
    "gateway/routes": (
        "backbone",
        "gateway/settings",
        "gateway/core",
        "gateway/metrics",
        "gateway/transport",
        "gateway/rooms",
        "gateway/hub",
    ),
    "gateway/processes": ("backbone", "gateway/settings"),
    "gateway/app": (
        "backbone",
        "gateway/settings",
        "gateway/transport",
        "gateway/hub",
        "gateway/figures",
        "gateway/moves",
        "gateway/routes",
        "gateway/processes/parent",
    ),
    # A child runs the app.
    "gateway/processes/child": ("backbone", "gateway/processes/parent", "gateway/app"),
    "infra": ("infra",),
    # The demo's pages are sent as a pod sends its own.
    "infra/local/pages": ("infra", "backbone/runtime/pages"),
    "loadtests": ("loadtests",),
    "benchmarks": ("benchmarks", "infra", "backbone", "api/db", "api/core"),
    "bellwire": ("bellwire", "api", "gateway", "backbone"),
    # Black box: it knows the public contract, and nothing of the server.
    "bellwire/verify": (),
    "chaos": ("chaos", "infra"),
    "drill": ("drill", "infra"),
    # They know the public contract, as anybody's program does.
    "examples": (),
    # The protocol class alone, without anything of a gateway around it.
    "conformance": ("infra", "gateway/transport/websocket"),
}

# Where a third party may be imported.
HOMES = {
    "redis": tuple(
        f"backbone/eventlog/{name}.py"
        for name in (
            "addresses",
            "stream",
            "live",
            "node",
            "slot_map",
            "subscription",
            "topology",
            "raw_connection",
            "pipeline",
            "redis_facts",
        )
    ),
    "hiredis": ("backbone/eventlog/raw_connection.py", "backbone/eventlog/pipeline.py"),
    "asyncpg": (
        "backbone/eventlog/addresses.py",
        "backbone/eventlog/postgres.py",
        "backbone/eventlog/primary.py",
        "backbone/eventlog/idle_connections.py",
        "backbone/eventlog/known_types.py",
        "api/db/",
    ),
    "uvicorn": (
        "backbone/runtime/server.py",
        "backbone/runtime/http_protocol.py",
        "backbone/runtime/single_write.py",
        "gateway/transport/websocket.py",
    ),
    "trustme": ("infra/local/certificate.py",),
    "httptools": ("backbone/runtime/http_protocol.py",),
    "uvloop": ("backbone/runtime/server.py", "bellwire/verify/command.py"),
    "aiohttp": ("bellwire/verify/client.py",),
    "httpx_sse": ("bellwire/verify/streaming.py",),
    "pydantic_settings": ("backbone/runtime/settings.py",),
    "opentelemetry": ("backbone/runtime/tracing.py",),
    "httpcore": ("api/webhooks/",),
    "idna": ("api/core/host_name.py",),
    "msgspec": ("api/http/plain_order.py",),
    "phonenumbers": ("api/core/phones.py",),
    "standardwebhooks": ("api/webhooks/message.py",),
    # A judge shares nothing with those whom it judges: not `bellwire verify`.
    "bellwire_terminal": ("bellwire/tail.py", "examples/"),
}

# Modules that a pure part must not know: clocks, sockets, environment, randomness, tasks.
IMPURE = {"asyncio", "datetime", "os", "random", "secrets", "socket", "threading", "time", "uuid", "logging"}
PURE = ("backbone/contract", "api/core", "gateway/core")
# `datetime` as a value, not as a clock.
ALLOWED_IMPURE = {("backbone/contract/event.py", "datetime"), ("api/core/moment.py", "datetime")}


HOUSE = Tree(ROOT, PACKAGES)


def cases(*parts: str) -> list[object]:
    return [
        pytest.param(path, id=path.relative_to(ROOT).as_posix())
        for path in HOUSE.files()
        if not parts or part_of(HOUSE.name_of(path), MAY_IMPORT) in parts
    ]


@pytest.mark.parametrize("path", cases())
def test_imports_point_down(path: Path) -> None:
    assert HOUSE.breaches(path, MAY_IMPORT) == []


@pytest.mark.parametrize("path", cases())
def test_each_third_party_has_one_home(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith(("benchmarks/", "loadtests/", "infra/", "chaos/", "drill/", "conformance/")):
        return
    for module in HOUSE.imports(path):
        homes = HOMES.get(module.split(".")[0])
        assert homes is None or relative.startswith(homes), f"{module} has its home in {homes}"


@pytest.mark.parametrize("path", cases(*PURE))
def test_a_core_knows_no_clock_no_socket_and_no_chance(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    for module in HOUSE.imports(path):
        name = module.split(".")[0]
        assert name not in IMPURE or (relative, name) in ALLOWED_IMPURE, f"{relative} imports {module}"

"""No module imports itself over others; and what finds that, and a floor that was passed by, does find it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.architecture.house import Tree, strongly_connected
from tests.architecture.test_imports import MAY_IMPORT, PACKAGES, ROOT


def test_no_module_imports_itself_over_others_not_even_for_types() -> None:
    assert Tree(ROOT, (*PACKAGES, "tests")).circles() == []


def planted(root: Path, files: dict[str, str]) -> Tree:
    """A tree of its own."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(root, ("gateway", "backbone"))


UNDER_TYPES = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {}\n"


@pytest.mark.parametrize(
    "back",
    [
        "from gateway.rooms.room import Room",
        "from gateway.rooms import room",
        "import gateway.rooms.room",
        UNDER_TYPES.format("from gateway.rooms.room import Room"),
        "def late():\n    from gateway.rooms import room as Room\n",
    ],
)
def test_a_planted_circle_is_found_however_it_is_imported(tmp_path: Path, back: str) -> None:
    tree = planted(
        tmp_path,
        {
            "gateway/__init__.py": "",
            "gateway/rooms/__init__.py": "",
            "gateway/rooms/room.py": "from gateway.rooms.session import Session\n",
            "gateway/rooms/session.py": "from gateway.fanout import cohort\n",
            "gateway/fanout/__init__.py": "",
            "gateway/fanout/cohort.py": back,
            "gateway/alone.py": "from gateway.rooms import room\n",
        },
    )
    assert tree.circles() == [["gateway.fanout.cohort", "gateway.rooms.room", "gateway.rooms.session"]]


@pytest.mark.parametrize(
    ("file", "text", "breach"),
    [
        ("gateway/fanout/cohort.py", "from gateway.rooms.session import Session", "gateway.rooms.session"),
        ("gateway/fanout/cohort.py", "from gateway.rooms import session", "gateway.rooms.session"),
        (
            "gateway/fanout/cohort.py",
            UNDER_TYPES.format("import gateway.rooms.session"),
            "gateway.rooms.session",
        ),
        ("gateway/upkeep.py", "from gateway import hub", "gateway.hub"),
        ("gateway/head_check.py", "from gateway.hub import Hub", "gateway.hub"),
        (
            "gateway/transport/websocket.py",
            "from gateway.fanout import scheduler",
            "gateway.fanout.scheduler",
        ),
        ("gateway/core/wheel.py", "from gateway import metrics", "gateway.metrics"),
        ("gateway/settings.py", "from gateway.core import wheel", "gateway.core.wheel"),
        ("gateway/processes/parent.py", "import gateway.app", "gateway.app"),
        ("gateway/a_new_one.py", "from gateway.core import wheel", "gateway.core.wheel"),
        ("backbone/contract/offset.py", "from backbone import eventlog", "backbone.eventlog"),
    ],
)
def test_a_planted_way_up_is_found(tmp_path: Path, file: str, text: str, breach: str) -> None:
    known = ["hub", "metrics", "app", "rooms/session", "fanout/scheduler", "core/wheel"]
    others = {f"gateway/{name}.py": "" for name in known} | {"backbone/eventlog/__init__.py": ""}
    tree = planted(tmp_path, others | {file: text})
    found = {path: tree.breaches(path, MAY_IMPORT) for path in tree.files()}
    assert [one.partition(" must not import ")[2] for one in found.pop(tmp_path / file)] == [breach]
    assert not any(found.values())


GRAPHS = st.integers(1, 7).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, size - 1), max_size=4, unique=True), min_size=size, max_size=size
    )
)


@given(GRAPHS)
def test_two_modules_are_in_one_component_when_each_is_reached_from_the_other(edges: list[list[int]]) -> None:
    graph = {str(node): [str(other) for other in others] for node, others in enumerate(edges)}
    reached = {node: {node} for node in graph}
    for _ in graph:
        for node in graph:
            reached[node] |= {far for near in graph[node] for far in reached[near]}
    components = strongly_connected(graph)
    assert sorted(node for component in components for node in component) == sorted(graph)
    for component in components:
        for node in component:
            assert set(component) == {other for other in reached[node] if node in reached[other]}

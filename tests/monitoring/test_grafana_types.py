"""The dashboards are what Grafana's own SDK calls dashboards: no field that it does not know, no value of another type.

No Grafana could be had from a package registry; its types could. The SDK's reader passes over what it does not know and
looks at no type, so a dashboard is read, written again and compared, and each value is held to what its class declares.
"""

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import prometheus, stat, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, RowPanel

from infra.monitoring.boards import BOARDS
from infra.monitoring.dashboard import path
from infra.monitoring.panels import Board

register_default_plugins()
MODELS = "grafana_foundation_sdk.models"
# Of an annotation: Grafana's Prometheus data source reads these, the SDK declares them for no data source.
BEYOND = {"expr", "step", "titleFormat", "useValueForTime", "definition"}

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)


def document(board: Board) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path(board).read_text(encoding="utf-8"))
    return data


def lost(ours: object, theirs: object, where: str = "") -> Iterator[str]:
    """Where what we wrote is not what the SDK wrote again; more than we wrote is no matter."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                if value is not None and key not in BEYOND:
                    yield f"{where}.{key}"
            else:
                yield from lost(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(mine, other, f"{where}[{index}]")
    elif ours != theirs:
        yield f"{where}: {ours!r} became {theirs!r}"


def misfits(value: object, hint: Any, where: str) -> Iterator[str]:
    """Where a value is not of the type that the SDK declares for it."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if type(value).__module__.startswith(MODELS) and not isinstance(value, enum.Enum):
        for name, inner in typing.get_type_hints(type(value)).items():
            yield from misfits(getattr(value, name, None), inner, f"{where}.{name}")
    elif isinstance(value, dict) and getattr(hint, "__module__", "").startswith(MODELS):
        # Its reader leaves a panel's links as they are.
        read = hint.from_json(value)
        yield from lost(value, json.loads(JSONEncoder().encode(read)), where)
        yield from misfits(read, hint, where)
    elif hint is Any or hint is object:
        return
    elif origin in (typing.Union, types.UnionType):
        given = [each for each in arguments if (each is type(None)) == (value is None)]
        yield from min(
            (list(misfits(value, each, where)) for each in given), key=len, default=[f"{where} is None"]
        )
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{where}: {value!r} is none of {arguments}"
    elif origin is list and isinstance(value, list):
        for index, each in enumerate(value):
            yield from misfits(each, arguments[0], f"{where}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for key, each in value.items():
            yield from misfits(each, arguments[1], f"{where}[{key}]")
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in {member.value for member in hint}:
            yield f"{where}: {value!r} is none of {[member.value for member in hint]}"
    elif hint is float and isinstance(value, int):
        return
    elif hint is None or hint is type(None):
        if value is not None:
            yield f"{where}: {value!r} is not None"
    elif not (isinstance(hint, type) and isinstance(value, hint)) or (
        hint is int and isinstance(value, bool)
    ):
        yield f"{where}: {value!r} is no {hint}"


@each_board
def test_the_sdk_reads_and_writes_every_field_of_it(board: Board) -> None:
    ours = document(board)
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(ours)))
    assert list(lost(ours, again)) == []


@each_board
def test_every_value_is_of_the_type_that_the_sdk_declares(board: Board) -> None:
    assert list(misfits(Dashboard.from_json(document(board)), Dashboard, "dashboard")) == []


@each_board
def test_the_sdk_knows_each_panel_its_queries_and_its_options(board: Board) -> None:
    read = Dashboard.from_json(document(board))
    assert read.panels
    for panel in read.panels:
        if isinstance(panel, RowPanel):
            continue
        assert isinstance(panel, Panel)
        assert isinstance(panel.options, (timeseries.Options, stat.Options)), panel.title
        assert all(isinstance(target, prometheus.Dataquery) for target in panel.targets or ()), panel.title


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"graphTooltip": 7}, "graph_tooltip"),
        ({"refresh": 10}, "refresh"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_dashboard_with_a_fault_is_found_out(change: dict[str, object], named: str) -> None:
    """The test is tested."""
    ours = {**document(BOARDS[0]), **change}
    read = Dashboard.from_json(ours)
    again = json.loads(JSONEncoder().encode(read))
    found = [*lost(ours, again), *misfits(read, Dashboard, "dashboard")]
    assert any(named in each for each in found), found

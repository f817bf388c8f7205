"""`bellwire plan`: read the load, plan, tell."""

import dataclasses
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from bellwire.plan.allowances import POSTGRES_CORES

if TYPE_CHECKING:
    from bellwire.plan.sizing import Limit, Plan


@click.command("plan")
@click.option(
    "--terminals", type=int, required=True, help="Terminals that are connected at the busiest moment."
)
@click.option("--orders-per-second", type=float, required=True, help="Orders a second then, of all shops.")
@click.option("--tenants", type=int, help="Shops. Default: one for five terminals.")
@click.option(
    "--events-per-order",
    type=float,
    default=4.0,
    show_default=True,
    help="The order, and steps that follow it.",
)
@click.option(
    "--peak-hours", type=float, default=6.0, show_default=True, help="A day's orders, in hours at the peak."
)
@click.option("--retention-days", type=float, default=7.0, show_default=True, help="BELLWIRE_RETENTION_DAYS.")
@click.option(
    "--postgres-cores",
    type=click.IntRange(2, 256),
    default=POSTGRES_CORES,
    show_default=True,
    help="Of the largest PostgreSQL server that you would run.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan_command(
    terminals: int,
    orders_per_second: float,
    tenants: int | None,
    events_per_order: float,
    peak_hours: float,
    retention_days: float,
    postgres_cores: int,
    as_json: bool,
) -> None:
    """How many pods, cores and servers a load needs, and where each part must be split. Asks nobody, changes nothing.

    It reckons with costs that were measured on two cores (docs/performance.md) and leaves half of every core free.
    docs/capacity.md says what that is worth. Ends with 1 when the load cannot be carried at all.
    """
    from bellwire.plan.load import Load, WrongLoad
    from bellwire.plan.sizing import plan

    try:
        load = Load.asked(terminals, orders_per_second, tenants, events_per_order, peak_hours, retention_days)
    except WrongLoad as exc:
        raise click.ClickException(str(exc)) from None
    made = plan(load, postgres_cores)
    click.echo(json.dumps(as_document(made), indent=1) if as_json else "\n".join(lines(made)))
    if made.impossible:
        raise click.exceptions.Exit(1)


def as_document(made: "Plan") -> dict[str, object]:
    """The plan for programs; parts and limits are of one cell."""
    return {
        "cells": made.cells,
        "cores": made.cores,
        "parts": [dataclasses.asdict(part) for part in made.parts],
        "limits": [dataclasses.asdict(limit) for limit in made.limits],
        "remarks": list(made.remarks),
        "possible": not made.impossible,
    }


def lines(made: "Plan") -> Iterator[str]:
    """The plan for people."""
    load = made.load
    yield (
        f"{_many(load.terminals, 'terminal')} of {_many(load.tenants, 'tenant')}, "
        f"{_rate(load.orders_per_second)} orders/s: {_rate(load.events)} events/s, "
        f"{_rate(load.deliveries)} deliveries/s"
    )
    yield f"{_many(made.cells, 'cell')}, {made.cores:,} cores in all"
    yield ""
    yield f"{'of each cell':<12}{'count':>7}{'cores':>7}{'GB':>8}{'busy':>8}"
    for part in made.parts:
        yield (
            f"{part.name:<12}{part.count:>7}{part.cores:>7}{part.memory_gb:>8.1f}{part.busy:>8.2f}  {part.why}"
        )
    yield ""
    yield "how full a cell is"
    for limit in sorted(made.limits, key=lambda limit: -limit.share):
        yield f"{limit.share:>6.0%}  {limit.name}: {limit.text}"
        yield f"{'':<8}{_full_at(made, limit)}; then: {limit.then}"
    yield ""
    yield from made.remarks
    for limit in made.impossible:
        yield f"IMPOSSIBLE  {limit.name}: {limit.text}; {limit.then}"


def _full_at(made: "Plan", limit: "Limit") -> str:
    if limit.share <= 0:
        return "never full by this"
    load = made.load
    if not limit.cell:
        return f"full at {_rate(load.orders_per_second / load.tenants / limit.share)} orders/s of one tenant"
    factor = 1 / limit.share / made.cells
    return (
        f"full at {load.terminals * factor:,.0f} terminals and {_rate(load.orders_per_second * factor)} orders/s "
        "in one cell"
    )


def _many(count: float, noun: str) -> str:
    return f"{count:,.0f} {noun}{'' if round(count) == 1 else 's'}"


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

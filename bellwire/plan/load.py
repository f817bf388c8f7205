"""The load that an installation has to carry at its busiest."""

import math
from dataclasses import dataclass

MOST_TERMINALS = 1_000_000
MOST_ORDERS = 10_000.0
TERMINALS_A_TENANT = 5.0


class WrongLoad(Exception):
    """Nothing can be planned for this; the text says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """The peak. Means are meant: a tenant's terminals and orders are those of the middle one.

    `events_an_order`: the order and the steps that follow it. `peak_hours`: a day's orders, in hours at the peak.
    """

    terminals: float
    orders_per_second: float
    tenants: float
    events_an_order: float = 4.0
    peak_hours: float = 6.0
    retention_days: float = 7.0

    @classmethod
    def asked(
        cls,
        terminals: int,
        orders_per_second: float,
        tenants: int | None = None,
        events_an_order: float = 4.0,
        peak_hours: float = 6.0,
        retention_days: float = 7.0,
    ) -> "Load":
        """Read what was asked for; without `tenants` there is one for five terminals.

        Raises:
            WrongLoad: a figure is none, or beyond what the costs were measured for.
        """
        _within("--terminals", terminals, 1, MOST_TERMINALS)
        _within("--orders-per-second", orders_per_second, 0, MOST_ORDERS)
        _within("--events-per-order", events_an_order, 1, 100)
        _within("--peak-hours", peak_hours, 0, 24)
        _within("--retention-days", retention_days, 1, 3650)
        if tenants is not None:
            _within("--tenants", tenants, 1, MOST_TERMINALS)
            if tenants > terminals:
                raise WrongLoad(
                    f"--tenants {tenants:,} is more than --terminals {terminals:,}: a tenant has one terminal at least"
                )
        shops = max(1.0, terminals / TERMINALS_A_TENANT) if tenants is None else float(tenants)
        return cls(terminals, orders_per_second, shops, events_an_order, peak_hours, retention_days)

    @property
    def events(self) -> float:
        """Events a second; each is one write."""
        return self.orders_per_second * self.events_an_order

    @property
    def terminals_a_tenant(self) -> float:
        return self.terminals / self.tenants

    @property
    def deliveries(self) -> float:
        """Events to terminals, a second: each terminal of a shop gets each of its events."""
        return self.events * self.terminals_a_tenant

    @property
    def orders_a_day(self) -> float:
        return self.orders_per_second * self.peak_hours * 3600

    def of_a_cell(self, cells: int) -> "Load":
        """The share of one of so many equal cells: a tenant is in one cell, whole."""
        return Load(
            self.terminals / cells,
            self.orders_per_second / cells,
            self.tenants / cells,
            self.events_an_order,
            self.peak_hours,
            self.retention_days,
        )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise WrongLoad(f"{name} must be between {least:,.10g} and {most:,.10g}, not {value:,.10g}")

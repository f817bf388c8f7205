"""A shop's alarms as they ought to be: plain values, and the rules in a few lines. The judge of the database's own."""

from collections.abc import Callable
from dataclasses import dataclass, field


def moment(attempt: int, deadline: int) -> int:
    """How many seconds behind the moment from which deadlines count an attempt is due."""
    return deadline << (attempt - 1)


def due(elapsed: float, deadline: int, repeats: int, made: int) -> tuple[int | None, int | None]:
    """The attempt that is due by now, and the seconds at which the one behind it is; `made` is the newest so far."""
    ahead = [n for n in range(1, repeats + 2) if n > made]
    passed = [n for n in ahead if moment(n, deadline) <= elapsed]
    later = [moment(n, deadline) for n in ahead if moment(n, deadline) > elapsed]
    return (passed[-1] if passed else None), (later[0] if later else None)


@dataclass
class Order:
    """An order that makes an event. `row`: it stands among the unseen; `seen`: by whom,
    behind an alarm."""

    elapsed: int = 0
    pending: bool = True
    moved: bool = False
    row: bool = True
    attempt: int = 0
    seen: str | None = None
    receipts: list[str] = field(default_factory=list)


@dataclass
class Shop:
    """A shop's settings, its orders, and what was said of them: (order, "alarm", n) and (order, "end", who, n)."""

    counts: Callable[[str, list[str] | None], bool]
    deadline: int = 15
    repeats: int = 3
    roles: list[str] | None = None
    orders: list[Order] = field(default_factory=list)
    said: list[tuple[object, ...]] = field(default_factory=list)

    def look(self) -> None:
        """A pod looks for what is due."""
        for at, order in enumerate(self.orders):
            if order.row and order.seen is not None:
                self.said.append((at, "end", order.seen, order.attempt))
                order.row, order.seen = False, None
            elif order.row:
                now, _ = due(order.elapsed, self.deadline, self.repeats, order.attempt)
                if now is not None:
                    order.attempt = now
                    self.said.append((at, "alarm", now))

    def receive(self, at: int, who: str) -> None:
        """Somebody has an order."""
        order = self.orders[at]
        if who not in order.receipts:
            order.receipts.append(who)
        if self.counts(who, self.roles):
            self._see(order, who)

    @staticmethod
    def _see(order: Order, who: str) -> None:
        if order.row and order.seen is None:
            order.row = order.attempt > 0
            order.seen = who if order.row else None

    def move(self, at: int) -> None:
        """A person moves an order on."""
        order = self.orders[at]
        if order.pending:
            order.pending = order.row = False
            order.moved, order.seen = True, None

    def undo(self, at: int) -> None:
        """A person takes that back; the alarm is not armed anew."""
        self.orders[at].pending = True

    def set_roles(self, roles: list[str] | None) -> None:
        """Others count from now on."""
        if roles == self.roles:
            return
        self.roles = roles
        for order in self.orders:
            counting = [who for who in order.receipts if self.counts(who, roles)]
            if order.row and counting:
                self._see(order, counting[0])
            elif order.row:
                order.seen = None
            elif order.pending and not order.moved and order.receipts and not counting:
                order.row = True

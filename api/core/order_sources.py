"""Where orders come from, and which of these sources tell the tills. Pure.

Why: docs/decisions/0112-order-sources.md
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backbone.contract.names import folded

MAX_SOURCES = 200


@dataclass(frozen=True, slots=True)
class OrderSource:
    """A word that orders name as their source. One that does not broadcast makes no event."""

    name: str
    broadcast: bool

    @property
    def key(self) -> str:
        """The name as it is compared: without case."""
        return folded(self.name)


ONLINE = "online"
BUILT_IN = (
    OrderSource(ONLINE, True),
    OrderSource("pos", False),
    OrderSource("till", False),
    OrderSource("phone", False),
    OrderSource("kiosk", False),
)
"""Every tenant has them."""


def added_sources(named: Sequence[OrderSource]) -> tuple[OrderSource, ...]:
    """Return those of `named` that are not built in.

    Raises:
        ValueError: one is there twice, or is built in and would broadcast otherwise.

    >>> [source.name for source in added_sources([OrderSource("POS", False), OrderSource("Uber Eats", True)])]
    ['Uber Eats']
    """
    built_in = {source.key: source for source in BUILT_IN}
    if len({source.key for source in named}) < len(named):
        raise ValueError("must not name a source twice")
    for source in named:
        if source.key in built_in and source.broadcast != built_in[source.key].broadcast:
            does = "broadcasts" if built_in[source.key].broadcast else "does not broadcast"
            raise ValueError(f"cannot change {built_in[source.key].name}, which is built in and {does}")
    return tuple(source for source in named if source.key not in built_in)

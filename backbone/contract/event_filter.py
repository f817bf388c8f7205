"""The part of its tenant's log that a receiver asks for: event types, and the stations and categories of orders. Pure.

A list is an or, the three are an and; None lets everything through. Names are compared without case: an event and a
filter hold them folded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backbone.contract.errors import Problem, Violation
from backbone.contract.event import Event, parse_types
from backbone.contract.names import MAX_NAME, folded, is_name

PARAMETERS = frozenset({"types", "stations", "categories"})
"""A filter's words in a query."""
MAX_NAMES = 50
"""So many stations, and so many categories, may be asked for."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter; two that let the same through are equal. Stations and categories are folded."""

    types: frozenset[str] | None = None
    stations: frozenset[str] | None = None
    categories: frozenset[str] | None = None

    @property
    def columns(self) -> tuple[list[str] | None, list[str] | None, list[str] | None]:
        """As rows keep it: sorted lists, so that equal filters are equal there too."""
        return (_sorted(self.types), _sorted(self.stations), _sorted(self.categories))

    def passes(self, type_: str, stations: frozenset[str], categories: frozenset[str]) -> bool:
        """Whether an event is let through: of one of the types, and of an order that names one of the stations or
        none at all, and so for categories. An event about no order names none.

        >>> bar = EventFilter(stations=frozenset({"bar"}))
        >>> nothing = frozenset()
        >>> [bar.passes("new_order", frozenset(names), nothing) for names in ({"bar", "grill"}, {"grill"}, ())]
        [True, False, True]
        """
        return (
            (self.types is None or type_ in self.types)
            and (self.stations is None or not stations or not self.stations.isdisjoint(stations))
            and (self.categories is None or not categories or not self.categories.isdisjoint(categories))
        )

    def takes(self, event: Event) -> bool:
        """Whether an event is let through."""
        return self is EVERYTHING or self.passes(event.type, event.stations, event.categories)


EVERYTHING = EventFilter()
"""The one filter that lets everything through."""


def filter_of(
    types: Iterable[str] | None, stations: Iterable[str] | None, categories: Iterable[str] | None
) -> EventFilter:
    """Return the filter of a row's columns."""
    if types is None and stations is None and categories is None:
        return EVERYTHING
    return EventFilter(
        *(None if names is None else frozenset(names) for names in (types, stations, categories))
    )


def read_filter(query: Mapping[str, str]) -> EventFilter:
    """Read `types=a,b`, `stations=a,b` and `categories=a,b`; one that is not there lets everything through.

    Raises:
        Violation: a type that does not exist, or a name that no station can have.

    >>> read_filter({"stations": "Bar,grill"}).columns
    (None, ['bar', 'grill'], None)
    """
    return filter_of(parse_types(query.get("types")), _names(query, "stations"), _names(query, "categories"))


def _names(query: Mapping[str, str], word: str) -> frozenset[str] | None:
    text = query.get(word)
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) > MAX_NAMES:
        raise Violation.field(Problem.BAD_REQUEST, word, f"must be at most {MAX_NAMES} names")
    if not all(is_name(name) for name in names):
        raise Violation.field(
            Problem.BAD_REQUEST,
            word,
            f"must be names of 1 to {MAX_NAME} visible characters with commas between",
        )
    return frozenset(map(folded, names))


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)

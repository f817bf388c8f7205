"""The part of its tenant's log that a terminal asks for: event types, and the stations and categories of orders. Pure.

A list is an or, the three are an and; None lets everything through. Names are compared without case.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter; two that let the same through are equal."""

    types: frozenset[str] | None = None
    stations: frozenset[str] | None = None
    categories: frozenset[str] | None = None

    @property
    def columns(self) -> tuple[list[str] | None, list[str] | None, list[str] | None]:
        """As rows keep it: sorted lists, so that equal filters are equal there too."""
        return (_sorted(self.types), _sorted(self.stations), _sorted(self.categories))


EVERYTHING = EventFilter()


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)

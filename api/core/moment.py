"""A moment as somebody else writes it. Pure: what time it is now comes in."""

import re
from datetime import UTC, datetime, timedelta

Moment = datetime
"""With a zone, always."""
MOST_AHEAD = timedelta(days=366)
"""So far ahead an order may be wanted: a year, be it a leap year."""
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_YEARS = range(1970, 9999)


def parse_moment(value: object) -> datetime:
    """Read an RFC 3339 moment with an offset, as UTC.

    Raises:
        ValueError: it is none.

    >>> parse_moment("2026-11-22T18:00:00+01:00").isoformat()
    '2026-11-22T17:00:00+00:00'
    """
    if isinstance(value, str) and _MOMENT.fullmatch(value) is not None:
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            if moment.year in _YEARS:
                return moment
    raise ValueError("must be a moment such as 2026-11-22T18:00:00+01:00")


def is_too_far(moment: datetime, now: datetime) -> bool:
    """Whether nobody can want an order for then."""
    return moment > now + MOST_AHEAD

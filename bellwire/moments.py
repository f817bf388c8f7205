"""A moment of an answer, as a person reads it."""

from datetime import datetime


def moment_text(moment: str, beside: str | None = None) -> str:
    """Return an RFC 3339 moment of UTC as day and time; without the day where `beside` is of the same one."""
    day, _, clock = moment.partition("T")
    shown = clock.partition(".")[0].removesuffix("Z")
    return shown if beside is not None and beside.startswith(day) else f"{day} {shown}"


def seconds_between(first: str, second: str) -> float:
    """Return how many seconds lie between two RFC 3339 moments."""
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()

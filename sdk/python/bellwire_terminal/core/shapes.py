"""The members without which a message or a page cannot be read. Pure.

A message with a member of another kind was not said by Bellwire, or was hurt on the way: it may have been an event.
"""

from typing import Any

LONGEST_HEARTBEAT_SECONDS = 3_600

_TEXTS = {
    "hello": ("head", "after"),
    "caught_up": ("offset",),
    "heartbeat": ("head",),
    "pong": ("head",),
    "reset": ("to", "reason"),
}


def is_event(message: dict[str, Any]) -> bool:
    """Whether a message is an event: of any type, known or not, with an offset and data."""
    return (
        isinstance(message.get("type"), str)
        and _is_text(message.get("offset"))
        and isinstance(message.get("data"), dict)
    )


def is_message(message: object) -> bool:
    """Whether a stream's message can be read. One of a type that is not known can: it is passed over."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    if message["type"] == "hello" and not _is_heartbeat(message.get("heartbeatSeconds")):
        return False
    return all(_is_text(message.get(name)) for name in _TEXTS.get(message["type"], ()))


def is_page(page: object) -> bool:
    """Whether a poll's answer can be read."""
    if not isinstance(page, dict) or not isinstance(page.get("events"), list):
        return False
    reset = page.get("reset")
    return (
        _is_text(page.get("offset"))
        and _is_text(page.get("head"))
        and isinstance(page.get("more"), bool)
        and all(isinstance(event, dict) and is_event(event) for event in page["events"])
        and (
            reset is None
            or (isinstance(reset, dict) and all(_is_text(reset.get(n)) for n in ("to", "reason")))
        )
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_heartbeat(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 < value <= LONGEST_HEARTBEAT_SECONDS  # type: ignore[operator]

"""Which pages of browsers may speak to us: the setting's text as a list; the door decides about each."""

import json
import logging

from backbone.contract.origin import ANY, WITHOUT_HOST, AllowedOrigins

log = logging.getLogger("bellwire.origins")

# With one of these in the list, pages of strangers may come in.
RISKY = frozenset({ANY}) | WITHOUT_HOST


def read_origins(value: object) -> object:
    """`https://a.example, https://b.example:8443`, or the same as a JSON list, as a tuple; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError as exc:
            raise ValueError("it begins like a JSON list and is none") from exc
        if not all(isinstance(each, str) for each in found):
            raise ValueError("every origin in the JSON list must be a text")
        return tuple(found)
    if not text:
        return ()
    return tuple(part.strip() for part in text.split(","))


def check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Return them if each is an origin.

    Raises:
        ValueError: one is not; the sentence names it.
    """
    AllowedOrigins(origins)
    return origins


def warn_of_strangers(origins: tuple[str, ...]) -> None:
    """Say at the start of a pod that pages of anybody may speak to it, where that is so."""
    if risky := sorted(RISKY & set(origins)):
        log.warning(
            "origins.open", extra={"origins": risky, "means": "pages of strangers may connect with a key"}
        )

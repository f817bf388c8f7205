"""Which pages of browsers may speak to us: the setting's text as a list. Pure; the door decides about each."""

import json
from urllib.parse import urlsplit

EVERYBODY = "*"
# A browser's word for a page without an origin: a file, a sandboxed frame, an app's own web view.
WITHOUT_HOST = frozenset({"null", "file://"})
# With one of these in the list, pages of strangers may come in.
RISKY = frozenset({EVERYBODY}) | WITHOUT_HOST


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
    for origin in origins:
        if origin not in RISKY and not _is_origin(origin):
            # With an @ it is an address of another kind, and a password may be in it.
            shown = "one of them" if "@" in origin else repr(origin)
            raise ValueError(f"{shown} is not an origin such as https://till.example.com")
    return origins


def _is_origin(text: str) -> bool:
    """A scheme, a host, perhaps a port, and nothing else."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    scheme, _, rest = text.partition("://")
    plain = rest == parts.netloc and "@" not in rest and not rest.endswith(":") and text.isprintable()
    return bool(scheme == parts.scheme and parts.hostname and plain and " " not in text and port != 0)

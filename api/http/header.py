"""A request's headers, read as they came: for the few that every request is asked for, several times over."""

from starlette.requests import Request


def header_values(request: Request, name: bytes) -> list[str]:
    """Return every value of a header, by its name in lower case."""
    return [value.decode("latin-1") for known, value in request.scope["headers"] if known == name]

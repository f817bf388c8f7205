"""A request's headers, read as they came: for the few that every request is asked for, several times over."""

from starlette.requests import Request

_BY_NAME = "bellwire.headers"


def header_values(request: Request, name: bytes) -> list[str]:
    """Return every value of a header, by its name in lower case."""
    scope = request.scope
    by_name: dict[bytes, list[str]] | None = scope.get(_BY_NAME)
    if by_name is None:
        by_name = scope[_BY_NAME] = {}
        for known, value in scope["headers"]:
            if known in by_name:
                by_name[known].append(value.decode("latin-1"))
            else:
                by_name[known] = [value.decode("latin-1")]
    return by_name.get(name, [])

"""The event that every server sends: about 350 bytes, as our gateway's are, with the time of its sending in it."""

PADDING = "x" * 180


def event_data(at_ns: int) -> str:
    """The words of the storefront."""
    return f'{{"at":"{at_ns}","pad":"{PADDING}"}}'


def envelope(room: str, at_ns: int) -> str:
    """The whole event, for those who do not build it themselves."""
    return (
        f'{{"type":"order_updated","tenant":"{room}","offset":"1-100","id":"evt_{room}_1-100",'
        f'"timestamp":"2026-01-01T00:00:00.000Z","data":{event_data(at_ns)}}}'
    )

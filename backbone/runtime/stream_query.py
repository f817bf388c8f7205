"""The query of a terminal's socket and stream, as `/openapi.json` of a gateway and `/asyncapi.json` describe it."""

from backbone.contract.tickets import PARAMETER
from backbone.runtime.routes import Query

SOCKET_QUERY = (
    Query(
        "after",
        "Behind this offset; `0` is everything retained, `acked` all behind this terminal's last ack; without it from "
        "the head.",
        {"type": "string"},
    ),
    Query("types", "Only events of these types, comma-separated.", {"type": "string"}),
    Query(
        "stations",
        "Only events about orders with an item of one of these stations, or with none of any, and events about no "
        "order; comma-separated, in any case.",
        {"type": "string"},
    ),
    Query("categories", "Likewise for categories; the filters are an and.", {"type": "string"}),
    Query(
        PARAMETER,
        "A ticket in the place of a key: `POST /api/tenant/{tenant}/tickets` of the API gives one; it is good once.",
        {"type": "string"},
    ),
)
RESUME_WORDS = ("Last-Event-ID", "lastEventId")
"""Parameters in which libraries that stand in for `EventSource` put what belongs in the header."""
STREAM_QUERY = (
    *SOCKET_QUERY,
    *(
        Query(
            name, "As the header `Last-Event-ID`, which goes before it; before `after`.", {"type": "string"}
        )
        for name in RESUME_WORDS
    ),
)

"""The names of the rows, in locust's tables, in the report and in the limits. A row's first word is its kind."""

PROBE, CROWD, CLIENT = "probe", "crowd", "sdk"
WEBSOCKET, SSE, POLLING, WEBHOOK = "websocket", "sse", "polling", "webhook"
DOORS = (WEBSOCKET, SSE, POLLING, WEBHOOK)


def arrival(door: str, people: str) -> str:
    """From the moment that an order was sent to a terminal that was there."""
    return f"EVENT order → {door} ({people})"


def late_arrival(door: str, people: str) -> str:
    """The same, to a terminal that was on its way back."""
    return f"EVENT order → {door}, replayed ({people})"


def connect(door: str, people: str) -> str:
    """From the wish to connect to `hello`."""
    return f"DOOR connect {door} ({people})"


def replay(door: str, people: str) -> str:
    """From the wish to connect to `caught_up`, where something was missed; the row's size counts its events."""
    return f"DOOR replay {door} ({people})"


def back(door: str, people: str) -> str:
    """From the end of a connection to `caught_up`, pauses and refusals included."""
    return f"DOOR away {door} ({people})"


# Every way in which an order comes.
ORDERS = ("POST orders/create", "POST orders/create (aggregator)")
ALARM = "EVENT alarm, after its deadline"
SENT_LATE = "LOAD order sent after its moment"


# The rows of every run, whether they come or not: a counter that is born with its first hundred would seem not to rise.
EXPECTED = (
    *ORDERS,
    ALARM,
    SENT_LATE,
    *(
        row(door, people)
        for row in (arrival, late_arrival, connect, replay, back)
        for people in (PROBE, CROWD)
        for door in (WEBSOCKET, SSE, POLLING)
    ),
)


def split(row: str) -> tuple[str, str]:
    """Kind and name, as locust has them."""
    kind, _, name = row.partition(" ")
    return kind, name

"""The scripts of `sdk/vectors`, by file. `python -m tests.sdk.write_vectors` writes them."""

from collections.abc import Callable
from typing import Any

from tests.sdk.script import OutboxScript, Script, an_event, command, kept, offset

Scripts = list[Script] | list[OutboxScript]


def stream() -> list[Script]:
    """The contents of a stream, in their order."""
    found = []
    s = Script("first start", "without a cursor a terminal goes on from its last ack")
    s.start().hello(0, 2).event(1).done(1).event(2).done(2).caught_up(2)
    found.append(s)

    s = Script(
        "resume", "with a cursor it goes on right behind it, and is live when what it missed is handled"
    )
    s.start(kept(40)).hello(40, 42).event(41, 42).caught_up(42).done(41).later(5).done(42)
    found.append(s)

    s = Script("live from the head", "a start at the head is remembered before the first event", start="head")
    s.start().hello(7, 7).stored().caught_up(7).closed(1006).wake()
    found.append(s)

    s = Script("a start from an offset", "an offset that the owner names is where it starts", start="1-3")
    s.start().hello(3, 4).event(4).done(4).caught_up(4)
    found.append(s)

    s = Script("one at a time", "the next event is not delivered before the one in the hand is on the disk")
    s.live(1).event(2, 3)
    s.say("handled", offset=offset(2))
    s.later(30).stored().done(3)
    found.append(s)

    s = Script("repeats", "an event that is known, in the hand or waiting is not delivered twice")
    s.live(1).event(2, 3).event(2, 3).done(2).event(2).done(3).event(2, 3)
    found.append(s)

    s = Script(
        "a cut between handler and disk", "what was handled and not stored yet is stored, and not repeated"
    )
    s.live(1).event(2, 3)
    s.say("handled", offset=offset(2))
    s.closed(1006).stored().wake().hello(2, 3).event(3).done(3).caught_up(3)
    found.append(s)

    s = Script(
        "a cut while the handler works",
        "the event in the hand comes again and is passed over; those that waited come again",
    )
    s.live(1).event(2, 3, 4).closed(1006).wake().hello(1, 4).event(2, 3, 4).done(2, 3, 4).caught_up(4)
    found.append(s)

    s = Script(
        "a killed process",
        "a new process begins behind what was on the disk: the event in the hand comes again, no other",
    )
    s.start(kept(2)).hello(2, 3).event(3).done(3).caught_up(3)
    found.append(s)

    s = Script("an unknown event", "an event of a type that this release does not know is an event")
    s.live(1).event(2, type="order_refunded").done(2)
    found.append(s)

    s = Script("an unknown message", "a message of a type that is not known is passed over")
    s.live(1)
    s.message("weather", sunny=True)
    s.event(2).done(2)
    found.append(s)

    s = Script("the server's complaint", "an error message is reported, and the stream goes on")
    s.live(1)
    s.message("error", code="bad-message", detail="ack or ping")
    found.append(s)

    s = Script(
        "progress", "while it catches up it says how far, and that it is live when everything is handled"
    )
    s.start(kept(10)).hello(10, 13).event(11, 12, 13).caught_up(13).done(11, 12, 13)
    found.append(s)

    s = Script("progress over a cut", "what was finished between two streams counts as caught up with")
    s.start(kept(10)).hello(10, 13).event(11, 12).closed(1006).wake().done(11).hello(10, 13).event(11, 12, 13)
    s.caught_up(13).done(12, 13)
    found.append(s)

    s = Script("a link of before", "whatever an earlier link says counts for nothing")
    s.live(1).closed(1006).wake().hello(1, 1)
    s.say("message", link=1, message=an_event(2))
    s.say("closed", link=1, code=4403, reason="")
    s.say("refused", link=1, status=401, problem="unauthorized")
    s.say("failed", link=1, reached=True, reason="cut")
    found.append(s)

    s = Script("the owner ends it", "what is stored is acknowledged, and the stream is closed with 1000")
    s.start(kept(1)).hello(1, 3).event(2, 3).done(2)
    s.say("stop")
    s.say("handled", offset=offset(3))
    s.stored()
    found.append(s)

    s = Script("the owner ends it while it waits", "nothing is opened any more")
    s.live(1).closed(1006)
    s.say("stop")
    s.later(60_000)
    s.say("wake")
    found.append(s)
    return found


def acks() -> list[Script]:
    """The words about what is stored."""
    found = []
    s = Script(
        "an ack behind the disk", "an ack says what is on the disk, and is sent at once when nothing waits"
    )
    s.live(1).event(2)
    s.say("handled", offset=offset(2))
    s.stored()
    found.append(s)

    s = Script("acks in a crowd", "while events wait, one ack stands for a quarter of a second of them")
    s.live(1).event(*range(2, 9)).done(2).later(100).done(3).later(100).done(4).later(60).done(5).later(
        1
    ).done(6, 7, 8)
    found.append(s)

    s = Script("an ack every 32", "of many events at once every thirty-second is acknowledged")
    s.live(1).event(*range(2, 60)).done(*range(2, 60))
    found.append(s)

    s = Script("no acks", "a terminal that only looks on acknowledges nothing", acks=False)
    s.live(1).event(2).done(2)
    found.append(s)

    s = Script(
        "acks over HTTP", "at other doors an ack is posted with its reading, one at a time", doors=["sse"]
    )
    s.live(1)
    s.say("acked")
    s.event(2, 3).done(2, 3)
    s.say("acked")
    found.append(s)

    s = Script(
        "an ack that fails",
        "an ack that was not taken is posted again, and stands for later ones too",
        doors=["sse"],
    )
    s.live(1)
    s.say("ack_failed", status=503, retryAfterMs=2000)
    s.event(2).done(2).wake()
    s.say("ack_failed", status=None)
    s.wake()
    s.say("acked")
    found.append(s)

    s = Script(
        "an ack that is refused", "an ack that no other try helps is reported and given up", doors=["sse"]
    )
    s.live(1)
    s.say("ack_failed", status=422)
    s.event(2).done(2)
    s.say("acked")
    found.append(s)

    s = Script(
        "an ack after a reconnect",
        "what was stored while there was no stream is acknowledged on the next one",
    )
    s.live(1).event(2)
    s.closed(1006).done(2).wake().hello(2, 2).caught_up(2)
    found.append(s)

    s = Script(
        "an ack without a stream",
        "an ack that waits for others is no reason to wake while there is no stream to say it on",
    )
    s.live(1).event(2, 3, 4).done(2).closed(1006).done(3).later(300).wake().hello(3, 4).event(4).done(4)
    found.append(s)

    s = Script(
        "acks and a network that is back",
        "a word of the system shortens the wait for an ack, also of one that is under way, and none of the server's",
        doors=["sse"],
    )
    s.live(1)
    for _ in range(3):
        s.say("ack_failed", status=None)
        s.wake()
    s.say("ack_failed", status=None)
    s.say("online")
    s.wake()
    s.say("online")
    s.say("ack_failed", status=None)
    s.wake()
    s.say("ack_failed", status=503, retryAfterMs=9000)
    s.say("online")
    s.wake()
    s.say("acked")
    found.append(s)
    return found


def closes() -> list[Script]:
    """Every close code and every refusal."""
    found = []
    for code, reason, name in (
        (1000, "", "bye"), (1001, "retry_ms=350", "a drain"), (1005, "", "no code"), (1006, "", "a cut"),
        (1009, "", "too big"), (1011, "", "a fault of the server"), (1012, "retry_ms=20", "a drain with a slot"),
        (1012, "", "a key that ended"), (1013, "", "a code of others"), (4400, "", "bad messages"),
        (4408, "", "too slow"), (4429, "too-many-requests retry_ms=1500", "too many"),
        (4503, "unavailable retry_ms=2000", "full"), (4999, "", "a code of later"),
    ):  # fmt: skip
        s = Script(f"closed with {code}, {name}", "it comes back, when the reason says or after full jitter")
        s.live(1).later(100).closed(code, reason).wake()
        found.append(s)
    for code, reason in ((4401, "unauthorized"), (4403, "forbidden"), (4404, "not-found")):
        s = Script(f"closed with {code}", "with this key it does not come back")
        s.live(1).closed(code, reason).later(3_600_000)
        s.say("wake")
        s.say("online")
        found.append(s)
        s = Script(f"closed with {code} before hello", "a page is told so, and does not come back")
        s.start(kept(1)).closed(code, reason)
        found.append(s)

    s = Script("closed with 4400 before hello", "the request was wrong, and would be wrong again")
    s.start(kept(1)).closed(4400, "bad-request")
    found.append(s)

    s = Script("closed with 4429 before hello", "a page is told when to come back")
    s.start(kept(1)).closed(4429, "too-many-requests retry_ms=700").wake()
    found.append(s)

    s = Script("replaced, and back", "after 4409 it asks its owner, who may say: this device")
    s.live(1).closed(4409).later(3_600_000)
    s.say("wake")
    s.say("online")
    s.say("owner", decision="return")
    found.append(s)

    s = Script("replaced for good", "after 4409 it asks its owner, who may say: the other one")
    s.live(1).event(2).closed(4409)
    s.say("handled", offset=offset(2))
    s.stored()
    s.say("owner", decision="stop")
    found.append(s)

    for status, problem in (
        (400, "bad-request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not-found"),
    ):
        s = Script(f"refused with {status}", "the server's own refusal ends it")
        s.start(kept(1))
        s.on_link("refused", status=status, problem=problem)
        found.append(s)

    s = Script("refused with 429", "Retry-After is obeyed, with jitter on top of it")
    s.start(kept(1))
    s.on_link("refused", status=429, problem="too-many-requests", retryAfterMs=7000)
    s.say("online")
    s.wake()
    found.append(s)

    s = Script("refused with 503", "a pod that drains says when, and it is no door that is shut")
    s.start(kept(1))
    for _ in range(4):
        s.on_link("refused", status=503, problem="unavailable", retryAfterMs=1000)
        s.wake()
    found.append(s)

    s = Script(
        "revoked with an event in the hand",
        "what the handler has is stored when it returns, and nothing else is begun",
    )
    s.live(1).event(2, 3).closed(4403, "forbidden")
    s.say("handled", offset=offset(2))
    s.stored()
    found.append(s)
    return found


def backoff() -> list[Script]:
    """How long it stays away."""
    found = []
    s = Script("full jitter", "each failure doubles the span from which the pause is drawn, to half a minute")
    s.start(kept(1)).luck(0.999)
    for _ in range(7):
        s.on_link("failed", reached=False, reason="no route")
        s.wake()
    found.append(s)

    s = Script("luck", "the pause may be none at all")
    s.start(kept(1)).luck(0.0)
    s.on_link("failed", reached=False, reason="no route")
    s.wake()
    found.append(s)

    s = Script(
        "a steady stream forgives",
        "a stream that lived for five seconds owes nothing to the failures before it",
    )
    s.start(kept(1)).luck(0.9)
    for _ in range(3):
        s.on_link("failed", reached=False, reason="no route")
        s.wake()
    s.hello(1, 1).caught_up(1).later(5_000).closed(1006)
    found.append(s)

    s = Script("a stream that dies at once", "a stream that did not last is one more failure")
    s.start(kept(1)).luck(0.9)
    for _ in range(3):
        s.hello(1, 1).caught_up(1).later(200).closed(1006).wake()
    found.append(s)

    s = Script(
        "a stream that begins forgives",
        "a stream that dies soon after a row of refusals is one failure, and not one more than the refusals",
    )
    s.start(kept(1)).luck(0.9)
    for _ in range(4):
        s.on_link("failed", reached=False, reason="no route")
        s.wake()
    for _ in range(2):
        s.hello(1, 1).caught_up(1).later(200).closed(1006).wake()
    found.append(s)

    s = Script(
        "to be told when is no failure",
        "after pauses that the server gave, our own begin with the first span",
    )
    s.start(kept(1)).luck(0.9)
    for _ in range(3):
        s.on_link("refused", status=503, problem="unavailable", retryAfterMs=2_000)
        s.wake()
    s.on_link("failed", reached=False, reason="no route")
    s.wake()
    found.append(s)

    s = Script("a slot of a year", "the server's word is bounded: a fault there must not switch a till off")
    s.live(1).closed(1012, "retry_ms=31536000000")
    found.append(s)

    s = Script("a slot that is no number", "a reason that cannot be read is none")
    s.live(1).closed(1012, "retry_ms=soon").wake()
    found.append(s)

    s = Script(
        "the network is back", "a word of the system that there is a network shortens a pause of our own"
    )
    s.live(1).luck(0.9).closed(1006)
    s.luck(0.1).later(100)
    s.say("online")
    s.wake()
    found.append(s)

    s = Script(
        "the network is back, and the slot stands", "a moment that the server gave is not brought forward"
    )
    s.live(1).closed(1012, "retry_ms=5000").later(100)
    s.say("online")
    s.wake()
    found.append(s)

    s = Script(
        "the network is back while we knock",
        "an attempt that began before fails, and the next one comes soon; the one after that waits as ever",
    )
    away = {"reached": False, "reason": "no route"}
    s.live(1).luck(0.9).closed(1006).wake()
    s.on_link("failed", **away)
    s.wake()
    s.say("online")
    s.on_link("failed", **away)
    s.wake()
    s.on_link("failed", **away)
    found.append(s)

    s = Script(
        "the network is back while we knock, and the slot stands",
        "a moment that the server gives is not brought forward",
    )
    s.live(1).closed(1006).wake()
    s.say("online")
    s.on_link("refused", status=503, problem="unavailable", retryAfterMs=9000)
    s.wake()
    found.append(s)
    return found


def watch() -> list[Script]:
    """Streams that are dead and do not say so; clocks that jump."""
    found = []
    s = Script("no hello", "a door behind which nobody speaks is left after ten seconds")
    s.start(kept(1)).wake().wake()
    found.append(s)

    s = Script("silence", "two and a half heartbeats without a word, and the stream is left")
    s.live(1).wake().wake()
    found.append(s)

    s = Script("heartbeats", "whatever comes is a sign of life")
    s.live(1)
    for _ in range(3):
        s.later(20_000).message("heartbeat", head=offset(1))
    s.wake()
    found.append(s)

    s = Script(
        "a head that is not reached",
        "a head later than ours for three seconds: something was lost, come back for it",
    )
    s.live(1).later(20_000)
    s.message("heartbeat", head=offset(2))
    s.wake()
    found.append(s)

    s = Script("a head that is reached in time", "the event came, and the stream stays")
    s.live(1).later(20_000)
    s.message("heartbeat", head=offset(2))
    s.later(2_000).event(2).done(2).later(18_000)
    s.message("heartbeat", head=offset(2))
    found.append(s)

    s = Script("a head in a pong", "an answer to a ping names the head, too")
    s.live(1)
    s.message("pong", head=offset(5))
    s.wake()
    found.append(s)

    s = Script(
        "a head with a filter",
        "a filtered terminal is not sent everything, and does not wait for it",
        filter={"types": ["new_order"]},
    )
    s.start(kept(1, filter_={"types": ["new_order"]})).hello(1, 9).caught_up(9)
    s.message("heartbeat", head=offset(12))
    found.append(s)

    s = Script("a clock that jumps ahead", "after a laptop's sleep the stream is taken for dead, and resumed")
    s.live(1).later(8 * 3_600_000)
    s.say("wake")
    s.wake().hello(1, 3).event(2, 3).done(2, 3).caught_up(3)
    found.append(s)

    s = Script("a clock that goes back", "a clock that goes back stands; nothing is due twice, nothing never")
    s.live(1).later(20_000)
    s.message("heartbeat", head=offset(1))
    s.later(-15_000)
    s.say("wake")
    s.message("heartbeat", head=offset(1))
    s.event(2).done(2).wake()
    found.append(s)

    s = Script(
        "garbled", "a frame that cannot be read may have been an event: the stream is left and resumed"
    )
    s.live(1)
    s.on_link("garbled")
    s.wake()
    found.append(s)

    for name, message in (
        ("an event without its offset", {"type": "heartbeat"}),
        ("a hello without its heartbeat", {"type": "hello", "head": "1-1", "after": "1-1"}),
        ("no object", ["hello"]),
        ("a reset to nowhere", {"type": "reset", "reason": "epoch"}),
    ):
        s = Script(f"garbled: {name}", "a message that lacks what it needs is garbled")
        s.live(1)
        s.on_link("message", message=message)
        found.append(s)

    s = Script("events before hello", "a stream that does not begin with hello is none of Bellwire's")
    s.start(kept(1)).event(2).wake()
    found.append(s)

    s = Script(
        "another network under a live stream",
        "when the system speaks of a network the stream is asked whether it is there; one that is says so, and stays",
    )
    s.live(1).later(1_000)
    s.say("online")
    s.later(200).message("pong", head=offset(1))
    s.later(5_000)
    s.say("wake")
    s.wake()
    found.append(s)

    s = Script(
        "a live stream that another network left behind",
        "one that is not there any more is left after five seconds, and not after two and a half heartbeats",
    )
    s.live(1).later(1_000)
    s.say("online")
    s.wake().wake().hello(1, 2).event(2).done(2).caught_up(2)
    found.append(s)

    s = Script(
        "another network under an event stream", "where nothing can be asked the watch goes on", doors=["sse"]
    )
    s.live(1)
    s.say("acked")
    s.say("online")
    found.append(s)
    return found


def floods() -> list[Script]:
    """More than a handler takes."""
    found = []
    s = Script(
        "a flood",
        "when a window of events waits the stream is read no further, until half of it is done",
        window=4,
    )
    s.live(1).event(2, 3, 4, 5, 6).done(2, 3).event(7)
    found.append(s)

    s = Script("silence while it does not read", "a stream that is not read is not called silent", window=2)
    s.live(1).event(2, 3, 4).later(120_000)
    s.say("wake")
    s.done(2, 3, 4)
    found.append(s)

    s = Script(
        "a flood that does not stop",
        "beyond four windows the stream is left: memory is bounded, and nothing is lost",
        window=2,
    )
    s.live(1).event(*range(2, 12)).done(2).wake().hello(2, 11)
    found.append(s)

    s = Script("a flood and a cut", "what waited is dropped and comes again", window=4)
    s.live(1).event(2, 3, 4, 5, 6).closed(4408).wake().hello(1, 6).event(2, 3).done(2, 3)
    found.append(s)
    return found


def doors() -> list[Script]:
    """Down the ladder, and up again."""
    found = []
    s = Script(
        "an upgrade that is not let through",
        "a proxy that knows no WebSocket shuts that door: server-sent events are tried",
    )
    s.start(kept(1))
    s.on_link("refused", status=426, problem="upgrade-required")
    s.wake().hello(1, 1).caught_up(1)
    found.append(s)

    s = Script(
        "a proxy's page", "a refusal that is not in Bellwire's words is the door's, and no word about the key"
    )
    s.start(kept(1))
    s.on_link("refused", status=403, problem=None)
    s.wake()
    s.on_link("refused", status=403, problem=None)
    s.wake()
    found.append(s)

    s = Script("a network that is down", "where nothing is reached no door is blamed")
    s.start(kept(1)).luck(0.1)
    for _ in range(5):
        s.on_link("failed", reached=False, reason="no route")
        s.wake()
    found.append(s)

    s = Script(
        "cut before hello, three times",
        "a door at which three attempts in a row died is left for the next one",
    )
    s.start(kept(1)).luck(0.1)
    for _ in range(3):
        s.on_link("failed", reached=True, reason="cut")
        s.wake()
    found.append(s)

    s = Script("round and round", "behind the last door is the first one")
    s.start(kept(1)).luck(0.0)
    for _ in range(3):
        s.on_link("refused", status=501, problem=None)
        s.wake()
    found.append(s)

    s = Script("up again", "after a minute at a lower door the one above is tried, and kept when it opens")
    s.start(kept(1))
    s.on_link("refused", status=426, problem="upgrade-required")
    s.wake().hello(1, 1).caught_up(1)
    s.say("acked")
    for _ in range(3):
        s.later(19_000).message("heartbeat", head=offset(1))
    s.wake().hello(1, 1).caught_up(1)
    found.append(s)

    s = Script(
        "up in vain", "a door above that is still shut costs one attempt, and the next one comes later"
    )
    s.start(kept(1))
    s.on_link("refused", status=426, problem="upgrade-required")
    s.wake().hello(1, 1).caught_up(1)
    s.say("acked")
    for _ in range(3):
        s.later(19_000).message("heartbeat", head=offset(1))
    s.wake()
    s.on_link("refused", status=426, problem="upgrade-required")
    s.wake().hello(1, 1)
    found.append(s)

    s = Script("up with an event in the hand", "the handler goes on while the door changes")
    s.start(kept(1))
    s.on_link("refused", status=426, problem="upgrade-required")
    s.wake().hello(1, 2).event(2)
    s.say("acked")
    for _ in range(3):
        s.later(19_000).message("heartbeat", head=offset(2))
    s.wake().done(2).hello(1, 2).event(2).caught_up(2)
    found.append(s)

    s = Script(
        "polls", "a poll names what is on the disk, and is asked when everything before it is", doors=["poll"]
    )
    s.start(kept(1))
    s.on_link("page", page=page(2, 3, more=True))
    s.done(2, 3).stored()
    s.say("acked")
    s.on_link("page", page=page(4))
    s.done(4).stored()
    s.say("acked")
    s.later(25_000).on_link("page", page=page(end=4))
    found.append(s)

    s = Script(
        "a filtered poll",
        "a page without events moves the cursor, too",
        doors=["poll"],
        filter={"types": ["daily"]},
    )
    s.start(kept(1, filter_={"types": ["daily"]}))
    s.on_link("page", page=page(end=90))
    s.stored()
    found.append(s)

    s = Script(
        "a poll that does not wait",
        "an empty page that comes at once is asked for again after a second",
        doors=["poll"],
    )
    s.start(kept(4))
    s.on_link("page", page=page(end=4))
    s.say("acked")
    s.later(10).wake()
    s.later(10).on_link("page", page=page(end=4))
    s.wake()
    found.append(s)

    s = Script(
        "a poll behind a handler",
        "while something is in the hand there is nothing to ask, and no reason to wake",
        doors=["poll"],
    )
    s.start()
    s.on_link("page", page=page(1))
    s.on_link("failed", reached=True, reason="cut")
    s.wake()
    # History forked, and the only event is not in it any more.
    s.on_link("page", page={"events": [], "offset": "2-0", "head": "2-0", "more": False, "reading": "p"})
    s.later(2_000).say("wake")
    s.done(1).stored()
    found.append(s)

    s = Script(
        "a poll without a reading",
        "where the server names no reading there is nothing to post, and no reason to wake for it",
        doors=["poll"],
    )
    s.start(kept(1))
    s.on_link("page", page=page(2, 3, 4))
    s.done(2)
    s.on_link("failed", reached=True, reason="cut")
    s.wake()
    s.on_link("page", page=page(3, 4, reading=None))
    s.later(300).say("wake")
    s.done(3, 4).stored()
    found.append(s)

    s = Script("a poll that is silent", "a poll that outlives its wait by far is given up", doors=["poll"])
    s.start(kept(4)).wake().wake()
    found.append(s)

    s = Script(
        "a first poll",
        "without a cursor a poll goes on from the last ack, and the page's end is the cursor",
        doors=["poll"],
    )
    s.start()
    s.on_link("page", page=page(1, 2))
    s.done(1, 2).stored()
    found.append(s)

    s = Script("a poll that is refused", "a poll's 401 ends it", doors=["poll"])
    s.start(kept(4))
    s.on_link("refused", status=401, problem="unauthorized")
    found.append(s)

    s = Script("a poll's garbled page", "a page that cannot be read moves nothing", doors=["poll"])
    s.start(kept(4))
    s.on_link("page", page={"events": [{"offset": "1-5"}], "offset": "1-5", "head": "1-5", "more": False})
    s.wake()
    found.append(s)
    return found


def page(*numbers: int, more: bool = False, end: int = 0, **members: Any) -> dict[str, Any]:
    """A poll's answer."""
    last = offset(end or numbers[-1])
    events = [an_event(number) for number in numbers]
    return {"events": events, "offset": last, "head": last, "more": more, "reading": "p", **members}


ORDERS = [{"orderId": "order-7", "status": "pending"}, {"orderId": "order-8", "status": "ready"}]


def resets() -> list[Script]:
    """History that cannot be replayed."""
    found = []
    for reason in ("retention", "epoch", "unknown_offset"):
        s = Script(
            f"a reset by {reason}",
            "the open orders are shown, acknowledged, and the stream goes on behind them",
        )
        s.start(kept(1)).hello(50, 60, epoch=2)
        s.message("reset", to="2-50", reason=reason)
        s.say("snapshot", offset="2-61", orders=ORDERS)
        s.say("handled", offset="2-61")
        s.stored()
        s.say("acked")
        s.hello(61, 61, epoch=2).caught_up(61, epoch=2).event(62, epoch=2).done(62, epoch=2)
        found.append(s)

    s = Script(
        "an epoch in the midst",
        "what came before the reset is handled before it, and the snapshot after both",
    )
    s.live(1).event(2, 3)
    s.message("reset", to="2-2", reason="epoch")
    s.done(2, 3)
    s.say("snapshot", offset="2-5", orders=ORDERS)
    s.say("handled", offset="2-5")
    s.stored()
    s.hello(5, 5, epoch=2)
    found.append(s)

    s = Script(
        "a reset without a snapshot",
        "an owner who wants none is told of the reset in its order",
        snapshots=False,
    )
    s.start(kept(1)).hello(50, 51, epoch=2)
    s.message("reset", to="2-50", reason="retention")
    s.event(51, epoch=2)
    s.say("handled", offset="2-50")
    s.stored()
    s.done(51, epoch=2)
    found.append(s)

    s = Script(
        "a cut in a reset without a snapshot", "a reset that was not handled is told again", snapshots=False
    )
    s.start(kept(1)).hello(50, 50, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.closed(1006).wake().hello(50, 50, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("handled", offset="2-50")
    s.stored()
    s.say("handled", offset="2-50")
    s.stored()
    found.append(s)

    s = Script("a snapshot that cannot be had now", "it is asked for again, and nothing goes on without it")
    s.start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("snapshot_failed", status=503, problem="unavailable", retryAfterMs=2000)
    s.wake()
    s.say("snapshot_failed", status=None)
    s.wake()
    s.say("snapshot", offset="2-61", orders=[])
    found.append(s)

    s = Script("a snapshot that is refused", "a key that is no good any more ends it")
    s.start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("snapshot_failed", status=401, problem="unauthorized")
    found.append(s)

    s = Script(
        "a start with a snapshot",
        "a till with an empty disk shows what is open, and misses nothing behind it",
        start="snapshot",
    )
    s.start()
    s.say("snapshot", offset="1-61", orders=ORDERS)
    s.say("handled", offset="1-61")
    s.stored()
    s.say("acked")
    s.hello(61, 62).event(62).done(62)
    found.append(s)

    s = Script(
        "a snapshot for a filter",
        "orders that the filter keeps out are neither shown nor acknowledged",
        start="snapshot",
        filter={"stations": ["Bar"]},
    )
    s.start()
    orders = [
        {"orderId": "a", "items": [{"name": "Beer", "station": "bar"}]},
        {"orderId": "b", "items": [{"name": "Soup", "station": "kitchen"}]},
        {"orderId": "c", "items": [{"name": "Gift"}]},
    ]
    s.say("snapshot", offset="1-9", orders=orders)
    s.say("handled", offset="1-9")
    s.stored()
    found.append(s)

    s = Script(
        "a snapshot for cards",
        "a terminal that asks for no orders is shown none",
        start="snapshot",
        filter={"types": ["gift_card_redeemed"]},
    )
    s.start()
    s.say("snapshot", offset="1-9", orders=ORDERS)
    found.append(s)

    s = Script("a poll's reset", "a page that says reset leads to the snapshot, too", doors=["poll"])
    s.start(kept(1))
    s.on_link("page", page=page(51, reset={"to": "1-50", "reason": "retention"}))
    s.say("snapshot", offset="1-61", orders=ORDERS)
    s.say("handled", offset="1-61")
    s.stored()
    found.append(s)

    s = Script(
        "a poll's reset without a snapshot",
        "the reset comes before the page's events",
        doors=["poll"],
        snapshots=False,
    )
    s.start(kept(1))
    s.on_link("page", page=page(51, reset={"to": "1-50", "reason": "retention"}))
    s.say("handled", offset="1-50")
    s.stored().done(51).stored()
    found.append(s)

    s = Script(
        "a handler that cannot take a snapshot",
        "a snapshot may go to the dead letters like an event",
        attempts=1,
    )
    s.start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("snapshot", offset="2-61", orders=[])
    s.say("raised", offset="2-61", error="no paper")
    s.say("buried", offset="2-61")
    s.stored()
    found.append(s)

    s = Script(
        "a snapshot, and a network that is back",
        "a word of the system shortens the wait for it, also of one that is under way, and none of the server's",
    )
    s.luck(0.9).start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    for _ in range(3):
        s.say("snapshot_failed", status=None)
        s.wake()
    s.say("snapshot_failed", status=None)
    s.say("online")
    s.wake()
    s.say("online")
    s.say("snapshot_failed", status=None)
    s.wake()
    s.say("snapshot_failed", status=503, problem="unavailable", retryAfterMs=9000)
    s.say("online")
    s.wake()
    s.say("snapshot", offset="2-61", orders=[])
    found.append(s)
    return found


def thin() -> list[Script]:
    """Events that left out what their order has."""
    found = []
    s = Script(
        "a thin event", "what was left out is fetched before the handler sees it; what it had stays as it was"
    )
    s.live(1).event(2, itemsOmitted=True, itemCount=300, omitted=["metadata"], status="pending")
    s.say(
        "order",
        offset="1-2",
        order={"orderId": "order-2", "status": "ready", "items": [1], "metadata": {"a": 1}},
    )
    s.done(2)
    found.append(s)

    s = Script("a thin event that is behind others", "events stay in order while one is fetched")
    s.live(1).event(2, itemsOmitted=True, itemCount=1).event(3)
    s.say("order", offset="1-2", order={"items": []})
    s.done(2, 3)
    found.append(s)

    s = Script("an order that cannot be had now", "it is asked for again, for a while")
    s.live(1).event(2, itemsOmitted=True, itemCount=1)
    s.say("order_failed", offset="1-2", status=503, retryAfterMs=3000)
    s.wake()
    s.say("order_failed", offset="1-2", status=None)
    s.wake()
    s.say("order", offset="1-2", order={"items": []})
    found.append(s)

    s = Script(
        "an order that is not to be had",
        "the event comes without its items, and says so, rather than not at all",
    )
    s.live(1).event(2, itemsOmitted=True, itemCount=1)
    s.say("order_failed", offset="1-2", status=404)
    s.done(2)
    found.append(s)

    s = Script(
        "an order that is away for long",
        "after five attempts a kitchen has an order without items rather than none",
    )
    s.live(1).event(2, itemsOmitted=True, itemCount=1)
    for _ in range(4):
        s.say("order_failed", offset="1-2", status=None)
        s.at = s.machine._line.again_at or s.at
        s.say("wake")
    s.say("order_failed", offset="1-2", status=None)
    found.append(s)

    s = Script("a cut while an order is fetched", "the event is in the hand, and is not begun twice")
    s.live(1).event(2, itemsOmitted=True, itemCount=1).closed(1006).wake().hello(1, 2)
    s.event(2, itemsOmitted=True, itemCount=1)
    s.say("order", offset="1-2", order={"items": []})
    s.done(2).caught_up(2)
    found.append(s)

    s = Script(
        "an order, and a network that is back",
        "a word of the system shortens the wait for it, also of one that is under way, and none of the server's",
    )
    s.live(1).event(2, itemsOmitted=True, itemCount=1)
    s.say("order_failed", offset="1-2", status=None)
    s.say("online")
    s.wake()
    s.say("online")
    s.say("order_failed", offset="1-2", status=None)
    s.wake()
    s.say("order_failed", offset="1-2", status=503, retryAfterMs=9000)
    s.say("online")
    s.at = s.machine._line.again_at or s.at
    s.say("wake")
    s.say("order", offset="1-2", order={"items": []})
    s.done(2)
    found.append(s)
    return found


def handlers() -> list[Script]:
    """Handlers that raise, and disks that do not take."""
    found = []
    s = Script("a handler that raises once", "it is reported and tried again, and the stream waits")
    s.live(1).event(2, 3)
    s.say("raised", offset="1-2", error="no paper")
    s.wake().done(2, 3)
    found.append(s)

    s = Script(
        "a handler that always raises",
        "after as many attempts as were asked for it is a dead letter, and the stream goes on",
    )
    s.live(1).event(2, 3)
    for _ in range(2):
        s.say("raised", offset="1-2", error="no paper")
        s.wake()
    s.say("raised", offset="1-2", error="no paper")
    s.say("buried", offset="1-2")
    s.stored().done(3)
    found.append(s)

    s = Script("one attempt", "an owner may want no second attempt", attempts=1)
    s.live(1).event(2)
    s.say("raised", offset="1-2", error="no paper")
    s.say("buried", offset="1-2")
    s.stored()
    found.append(s)

    s = Script("a handler that raises, and a cut", "the attempts go on over a reconnect")
    s.live(1).event(2)
    s.say("raised", offset="1-2", error="no paper")
    s.closed(1006).wake().wake().hello(1, 2).event(2).done(2).caught_up(2)
    found.append(s)

    s = Script(
        "a disk that is full",
        "a cursor that cannot be kept ends it: nothing is handled that would be handled again",
    )
    s.live(1).event(2, 3)
    s.say("handled", offset="1-2")
    s.say("store_failed", detail="no space left on device")
    found.append(s)

    s = Script("a dead letter that cannot be kept", "an event that can be kept nowhere ends it", attempts=1)
    s.live(1).event(2, 3)
    s.say("raised", offset="1-2", error="no paper")
    s.say("store_failed", detail="no space left on device")
    found.append(s)

    s = Script(
        "a handler that raised, and a network that is back",
        "its attempts are few, and what it needs only its owner knows: no word shortens their pauses",
    )
    s.live(1).event(2)
    s.say("raised", offset="1-2", error="no paper")
    s.say("online")
    s.at += 500
    s.say("wake")
    s.done(2)
    found.append(s)
    return found


def storage() -> list[Script]:
    """Cursors that are hurt, or another's."""
    found = []
    s = Script("a torn cursor", "a cursor that is damaged is an error, and nothing is opened")
    s.start(damaged="the record's checksum does not fit")
    s.later(60_000)
    s.say("wake")
    found.append(s)

    s = Script(
        "a torn cursor, and the last ack",
        "an owner may want to go on from the last ack, which repeats and never skips",
        onDamage="acked",
        start="head",
    )
    s.start(damaged="the record is cut").hello(3, 5).event(4, 5).done(4, 5).caught_up(5)
    found.append(s)

    s = Script("a cursor of another shop", "it is an error, and nothing is opened")
    s.start(kept(5, tenant="bistro"))
    found.append(s)

    s = Script(
        "another filter",
        "what the old filter kept out lies before the cursor: the server knows from where all is had",
        filter={"types": ["new_order"]},
    )
    s.start(kept(5, filter_={"types": ["gift_card_redeemed"]})).hello(2, 6)
    found.append(s)

    s = Script(
        "the same filter, otherwise written",
        "a filter is a set",
        filter={"types": ["b", "a", "a"], "stations": []},
    )
    s.start(kept(5, filter_={"types": ["a", "b"]}))
    found.append(s)

    s = Script(
        "a lost disk", "without a cursor the last ack is the start, and what was not acknowledged comes again"
    )
    s.start(None).hello(4, 5).event(5).done(5).caught_up(5)
    found.append(s)
    return found


def outbox() -> list[OutboxScript]:
    """Commands, done once, in order."""
    found = []
    s = OutboxScript("one command", "on the disk, marked as tried, sent, answered, marked as done, told")
    s.start().add("a").tried("a").answered("a", 200, body={"status": "preparing"}).ended("a")
    found.append(s)

    s = OutboxScript("before the disk has it", "nothing is sent before the disk has it")
    s.start().add("a", written=False).later(50)
    s.say("wake")
    s.say("added", id="a")
    found.append(s)

    s = OutboxScript("in order", "the second is sent when the first is over")
    s.start().add("a").add("b").tried("a").answered("a", 200).ended("a").tried("b").answered(
        "b", 204, body=None
    ).ended("b")
    found.append(s)

    s = OutboxScript("offline", "it is sent again and again with growing pauses, and those behind it wait")
    s.start().add("a").tried("a").add("b")
    for _ in range(3):
        s.say("failed", id="a", reason="no route")
        s.wake()
    s.answered("a", 200).ended("a")
    found.append(s)

    s = OutboxScript("a conflict", "an answer that no repeat changes is told, and the next one goes on")
    s.start().add("a").add("b").tried("a").answered(
        "a", 409, "wrong-step", body={"status": 409, "by": "x"}
    ).ended("a").tried("b")
    found.append(s)

    for status, problem in (
        (404, "not-found"),
        (422, "invalid-fields"),
        (403, "forbidden"),
        (409, "insufficient-balance"),
    ):
        s = OutboxScript(f"a conflict: {problem}", "it is told, and is over")
        s.start().add("a").tried("a").answered("a", status, problem).ended("a")
        found.append(s)

    for status, problem in (
        (429, "too-many-requests"),
        (503, "unavailable"),
        (500, "internal"),
        (408, "request-timeout"),
        (409, "still-running"),
    ):
        s = OutboxScript(f"to be repeated: {problem}", "it is sent again with the same key")
        s.start().add("a").tried("a").answered("a", status, problem, retryAfterMs=3000).wake().answered(
            "a", 200
        ).ended("a")
        found.append(s)

    s = OutboxScript("a hotel's network", "a page that is not Bellwire's is no answer, whatever its status")
    s.start().add("a").tried("a").answered("a", 200, body=None).wake().answered(
        "a", 403, None, body=None
    ).wake().answered("a", 302, None, body=None).wake()
    found.append(s)

    s = OutboxScript("a key that is no good", "everything is kept until there is a key that is")
    s.start().add("a").add("b").tried("a").answered("a", 401, "unauthorized").later(3_600_000)
    s.say("wake")
    s.say("release")
    s.answered("a", 200).ended("a")
    found.append(s)

    s = OutboxScript("a restart before it was sent", "what the disk has is sent")
    s.start({**command("a"), "tried": None}, {**command("b"), "tried": None}).tried("a")
    found.append(s)

    s = OutboxScript(
        "a restart after it was sent", "it is sent again with its key, and the answer is the first one's"
    )
    s.start({**command("a"), "tried": s.wall - 3_600_000}).answered("a", 200).ended("a")
    found.append(s)

    s = OutboxScript(
        "an outcome that nobody knows",
        "after six days the server may have forgotten the key: it is not sent, and told",
    )
    s.start({**command("a"), "tried": s.wall - 7 * 24 * 3_600_000}, {**command("b"), "tried": None}).ended(
        "a"
    ).tried("b")
    found.append(s)

    s = OutboxScript("a week offline, never sent", "what was never sent can be sent whenever it is")
    s.start().add("a", written=False).later(8 * 24 * 3_600_000)
    s.say("added", id="a")
    s.tried("a").answered("a", 200)
    found.append(s)

    s = OutboxScript("a wall clock that goes back", "an age is never negative")
    s.start({**command("a"), "tried": s.wall + 3_600_000}).answered("a", 200)
    found.append(s)

    s = OutboxScript("an answer twice", "only the answer to what was asked counts, once")
    s.start().add("a").tried("a").answered("a", 200).answered("a", 409, "wrong-step").ended("a").ended(
        "a"
    ).answered("a", 200)
    found.append(s)

    s = OutboxScript("a disk that is full", "what cannot be kept ends it, and nothing more is sent")
    s.start().add("a", written=False)
    s.say("append_failed", detail="no space left on device")
    s.say("added", id="a")
    s.add("b", written=False)
    found.append(s)

    s = OutboxScript(
        "the network is back",
        "a word of the system shortens a pause of our own, and none that the server gave",
    )
    s.start().add("a").tried("a")
    s.say("failed", id="a", reason="no route")
    s.say("online")
    s.wake().answered("a", 503, "unavailable", retryAfterMs=9000)
    s.say("online")
    s.wake()
    found.append(s)

    s = OutboxScript(
        "the network is back during a request",
        "a request that began before fails, and the next one comes soon; the one after that waits as ever",
    )
    s.chance = 0.9
    s.start().add("a").tried("a")
    s.say("failed", id="a", reason="no route")
    s.wake()
    s.say("online")
    s.say("failed", id="a", reason="no route")
    s.wake()
    s.say("failed", id="a", reason="no route")
    found.append(s)

    s = OutboxScript("the owner ends it", "nothing more is sent, and nothing more is taken")
    s.start().add("a").tried("a")
    s.say("failed", id="a", reason="no route")
    s.say("stop")
    s.later(60_000)
    s.say("wake")
    s.add("b", written=False)
    found.append(s)

    s = OutboxScript("inputs out of turn", "an answer to nothing is nothing")
    s.start().add("a").tried("b").answered("a", 200).ended("a")
    s.say("failed", id="a", reason="no route")
    s.say("wake")
    s.tried("a").answered("a", 200).ended("a")
    found.append(s)
    return found


def turns() -> list[Script]:
    """Inputs that come when nobody waits for them, or again."""
    found = []
    s = Script("inputs out of turn", "an answer to nothing is nothing")
    s.live(1)
    s.start(kept(5))
    for type_ in ("handled", "buried", "stored"):
        s.say(type_, offset="1-9")
    s.say("raised", offset="1-9", error="no paper")
    s.say("order", offset="1-9", order={"items": []})
    s.say("order_failed", offset="1-9", status=None)
    s.say("snapshot", offset="1-9", orders=[])
    s.say("snapshot_failed", status=None)
    s.say("acked")
    s.say("ack_failed", status=503)
    s.say("owner", decision="stop")
    s.event(2).done(2)
    found.append(s)

    s = Script("a page and a garbled message of before", "they are of a link that is gone")
    s.live(1).closed(1006).wake().hello(1, 1)
    s.say("page", link=1, page=page(2, end=2))
    s.say("garbled", link=1)
    found.append(s)

    s = Script("inputs after the end", "what is over stays over, once")
    s.live(1).event(2)
    s.say("stop")
    s.say("raised", offset="1-2", error="no paper")
    for type_ in ("stop", "online", "wake"):
        s.say(type_)
    s.say("store_failed", detail="no space left on device")
    found.append(s)

    s = Script(
        "the owner ends it with a snapshot in the hand", "the snapshot is stored, and nothing is opened"
    )
    s.start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("snapshot", offset="2-61", orders=ORDERS)
    s.say("stop")
    s.say("handled", offset="2-61")
    s.stored()
    found.append(s)

    s = Script("orders whose ack is refused", "it is reported and given up, and the stream goes on")
    s.start(kept(1)).hello(50, 60, epoch=2)
    s.message("reset", to="2-50", reason="epoch")
    s.say("snapshot", offset="2-61", orders=ORDERS)
    s.say("handled", offset="2-61")
    s.stored()
    s.say("ack_failed", status=422)
    s.hello(61, 61, epoch=2)
    found.append(s)

    s = Script("two heads that are not reached", "the patience is the first one's")
    s.live(1).later(1_000)
    s.message("heartbeat", head=offset(2))
    s.later(1_000).message("heartbeat", head=offset(3))
    s.wake()
    found.append(s)

    s = Script(
        "offsets that cannot be counted", "how many there are is not said, and nothing else is missing"
    )
    s.start(kept(1))
    s.message("hello", after="1-1", head="later", heartbeatSeconds=20, reading="r1")
    s.event(2).done(2)
    found.append(s)

    s = Script("a page that is none", "it is garbled, and asked for again", doors=["poll"])
    s.start(kept(1))
    s.on_link("page", page=[])
    s.wake()
    found.append(s)
    return found


FILES: dict[str, Callable[[], Scripts]] = {
    "stream": stream,
    "acks": acks,
    "closes": closes,
    "backoff": backoff,
    "watch": watch,
    "floods": floods,
    "doors": doors,
    "resets": resets,
    "thin": thin,
    "handlers": handlers,
    "storage": storage,
    "turns": turns,
    "outbox": outbox,
}

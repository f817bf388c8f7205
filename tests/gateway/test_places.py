"""Where sessions stand: whatever happens in a room, they move as the table says, and every move of it happens."""

import random
import uuid
from typing import Any, cast

from backbone.contract.event import Event
from backbone.contract.offset import Offset
from gateway.core.encoding import WEBSOCKET
from gateway.core.tenant_log import TenantLog
from gateway.fanout.scheduler import Busy
from gateway.fanout.send_all import choose_send_all
from gateway.rooms.place import MOVES, Move, Place, diagram
from gateway.rooms.room import Room, Shared
from gateway.rooms.session import Identity, Session
from gateway.rooms.write_behind import WriteBehind
from tests.conftest import ROOT
from tests.gateway.test_hub import Socket

TERMINALS = 4


class Walk:
    """A room of few sessions and a short ring, to which things happen at random; every move is kept."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.moves: set[Move] = set()
        self.open: list[Session] = []
        self.gone: list[Session] = []
        self.busy: list[Busy] = []
        log = TenantLog(Offset(1, 0), Offset(1, 0), {1: 0}, max_events=3)
        self.room = Room(
            "kitchen",
            log,
            Shared(
                write_behind=WriteBehind(cast("Any", None), "here"),
                send_all=choose_send_all("auto")[1],
                paused={},
                schedule=self.busy.append,
                replay=lambda _: None,
                fill_gap=lambda _: None,
            ),
        )

    # The host of its sessions, as the hub is.
    def leave(self, session: Session) -> None:
        before = self.places()
        self.room.leave(session)
        self.open.remove(session)
        self.gone.append(session)
        self.saw("leave", before)

    def places(self) -> dict[Session, Place]:
        return {session: self.room.place_of(session) for session in (*self.open, *self.gone)}

    def saw(self, cause: str, before: dict[Session, Place], one: Session | None = None) -> None:
        for session, place in self.places().items():
            start = before.get(session, Place.GONE)
            if start is not place:
                # A session that comes to the head gives the others their turn first.
                self.moves.add(Move(start, cause if one in (None, session) else "take_turn", place))

    def step(self) -> None:
        name = self.chance.choice(
            [
                "enter",
                "leave",
                "on_paused",
                "on_writable",
                "settle",
                "take_turn",
                "lose_history",
                "change_epoch",
            ]
            + ["publish"] * 4
        )
        if name in ("leave", "on_paused", "on_writable", "settle") and not self.open:
            return
        session = self.chance.choice(self.open) if self.open else None
        before = self.places()
        getattr(self, f"_{name}")(session)
        if name not in ("enter", "leave", "publish"):
            self.saw(name, before, session if name in ("on_paused", "on_writable", "settle") else None)

    def _enter(self, _: Session | None) -> None:
        log, identity = self.room.log, Identity(uuid.UUID(int=self.chance.randrange(TERMINALS)), uuid.uuid4())
        # The one that it replaces leaves first, so that its move is not taken for a part of this one.
        for older in tuple(self.open):
            if older.identity.terminal == identity.terminal:
                older.socket.close(4409)
        position = self.chance.randint(log.floor.seq, log.head_seq)
        socket = Socket()
        socket.paused = self.chance.random() < 0.2
        session = Session(identity, self, self.room, socket, WEBSOCKET, position)
        socket.listener = session
        before = self.places()
        self.open.append(session)
        self.room.enter(session)
        self.saw("enter", before, session)

    def _leave(self, session: Session) -> None:
        session.socket.close(1000)

    def _on_paused(self, session: Session) -> None:
        cast("Socket", session.socket).pause(paused=True)

    def _on_writable(self, session: Session) -> None:
        cast("Socket", session.socket).pause(paused=False)

    def _settle(self, session: Session) -> None:
        if self.room.place_of(session) is Place.LAGGING:
            # As the replayer does when it has sent what was missing, or a part of it.
            session.position = self.chance.randint(session.position, self.room.log.head_seq)
            self.room.settle(session)

    def _take_turn(self, _: Session | None) -> None:
        while self.busy:
            room = self.busy.pop()
            while room.take_turn():
                pass

    def _publish(self, _: Session | None) -> None:
        log = self.room.log
        self.room.receive(Event(Offset(log.epoch, log.head_seq + 1), "new_order", 0, b"{}"))

    def _lose_history(self, _: Session | None) -> None:
        log = self.room.log
        self.room.lose_history(
            Offset(log.epoch, self.chance.randint(log.floor.seq, log.head_seq + (self.chance.random() < 0.3)))
        )

    def _change_epoch(self, _: Session | None) -> None:
        log = self.room.log
        fork = self.chance.randint(log.floor.seq, log.head_seq)
        self.room.change_epoch(Offset(log.epoch + 1, fork), log.floor, {**log.forks, log.epoch + 1: fork})


def test_sessions_move_as_the_table_says_and_every_move_of_it_happens() -> None:
    seen: set[Move] = set()
    for seed in range(60):
        walk = Walk(seed)
        for _ in range(200):
            walk.step()
        assert walk.moves <= MOVES, f"seed {seed}: {walk.moves - MOVES}"
        seen |= walk.moves
    assert seen == MOVES


def test_the_diagram_in_the_docs_is_the_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{diagram()}\n```" in text

"""A gateway's age behind PostgreSQL grows with the event that does not come, and with nothing else."""

from types import SimpleNamespace
from typing import cast

from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from gateway.core.tenant_log import TenantLog
from gateway.rooms.behind import Behind
from gateway.rooms.room import Room


def rooms_of(*tenants: str) -> dict[str, Room]:
    """Rooms with nothing but their logs, which is all that is asked of them."""
    return {
        tenant: cast("Room", SimpleNamespace(log=TenantLog(Offset(1, 0), BEGINNING))) for tenant in tenants
    }


def test_one_event_that_never_comes_grows_old() -> None:
    rooms = rooms_of("kitchen", "bistro")
    behind = Behind(rooms)
    assert behind.look([], 0.0) == 0.0
    rooms["kitchen"].log.learn(Offset(1, 1))
    assert behind.look(["kitchen"], 1.0) == 0.0
    # Others, later ones of its own: it is as old as it is.
    rooms["bistro"].log.learn(Offset(1, 1))
    rooms["kitchen"].log.learn(Offset(1, 5))
    assert behind.look(["bistro", "kitchen"], 2.0) == 1.0
    assert behind.look([], 31.0) == 30.0
    del rooms["kitchen"]
    assert behind.look([], 32.0) == 30.0
    rooms["bistro"].log.receive(Event(Offset(1, 1), "new_order", 0, b"{}"))
    assert behind.look([], 33.0) == 0.0


def test_a_busy_tenant_that_gets_what_it_lacks_stays_young() -> None:
    rooms = rooms_of("kitchen")
    log, behind = rooms["kitchen"].log, Behind(rooms)
    for second in range(1, 60):
        # Each look finds it behind, and by another event.
        log.learn(Offset(1, second))
        assert log.behind
        assert behind.look(["kitchen"], float(second)) <= 1.0
        log.receive(Event(Offset(1, second), "new_order", 0, b"{}"))

"""A site in one process: API pods, gateways, terminals, a Redis that loses, a PostgreSQL that fails over.

The pure core is the real one; the world around it is that of `tests/gateway/world.py`. Everything that happens is a
step, a name and a few numbers, and any sequence of steps means something: so a history can be kept, repeated, and
shortened by leaving steps out.
"""

from dataclasses import dataclass, field

from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from gateway.core.tenant_log import TenantLog
from tests.gateway.world import Database, Gateway, Stream, Till, judge

APIS, GATEWAYS, TILLS = 3, 3, 5
RING_EVENTS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens. The meaning of a number is the step's business; any number will do."""

    name: str
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.name, *(str(number) for number in self.numbers)])


@dataclass(frozen=True, slots=True)
class Faults:
    """The planted fault: none, a faulty log, or a rule that is not kept."""

    log: type[TenantLog] = TenantLog
    heads_are_checked: bool = True
    epochs_are_entered: bool = True
    writes_wait_for_the_epoch: bool = True


@dataclass
class Site:
    """Its methods `on_…` are the steps."""

    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.database = Database()
        self.stream = Stream()
        self.redis_is_up = True
        self.queues: list[list[Event]] = [[] for _ in range(APIS)]
        self.gateways: list[Gateway | None] = [None] * GATEWAYS
        self.inboxes: list[list[Event]] = [[] for _ in range(GATEWAYS)]
        self.tills = [Till() for _ in range(TILLS)]
        for number in range(TILLS):
            self.on_come(number, number)

    def take(self, step: Step) -> None:
        """Let it happen."""
        getattr(self, f"on_{step.name}")(*step.numbers)

    # -- API pods --------------------------------------------------------------------------------------------------

    def on_commit(self, api: int, count: int) -> None:
        for _ in range(1 + count % 3):
            if self.database.settled or not self.faults.writes_wait_for_the_epoch:
                self.queues[api % APIS].append(self.database.commit())

    def on_publish(self, api: int) -> None:
        batch, self.queues[api % APIS] = self.queues[api % APIS], []
        if self.redis_is_up:
            for event in batch:
                self.stream.add(event)
                for inbox in self.inboxes:
                    inbox.append(event)

    def on_api_dies(self, api: int) -> None:
        self.queues[api % APIS].clear()

    def on_probe(self) -> None:
        self.database.enter_epoch()

    # -- Redis and the network -------------------------------------------------------------------------------------

    def on_redis_goes(self) -> None:
        self.redis_is_up = False

    def on_redis_comes(self) -> None:
        self.redis_is_up = True

    def on_redis_is_flushed(self) -> None:
        self.stream.entries.clear()

    def on_redis_trims(self, count: int) -> None:
        del self.stream.entries[: 1 + count % 3]

    def on_deliver(self, gateway: int, which: int) -> None:
        """A message arrives: mostly the next one, sometimes another."""
        gateway %= GATEWAYS
        inbox = self.inboxes[gateway]
        if inbox:
            event = inbox.pop(which % len(inbox) if which % 4 == 0 else 0)
            receiver = self.gateways[gateway]
            if receiver is not None:
                receiver.hear(event)

    def on_lose(self, gateway: int, which: int) -> None:
        inbox = self.inboxes[gateway % GATEWAYS]
        if inbox:
            inbox.pop(which % len(inbox))

    def on_double(self, gateway: int, which: int) -> None:
        inbox = self.inboxes[gateway % GATEWAYS]
        if inbox:
            inbox.append(inbox[which % len(inbox)])

    # -- PostgreSQL --------------------------------------------------------------------------------------------------

    def on_promote(self, lost: int) -> None:
        self.database.promote(lost % 5)
        if not self.faults.epochs_are_entered:
            self.database.settled = True

    def on_expire(self, count: int) -> None:
        self.database.expire(1 + count % 2)

    # -- gateways ----------------------------------------------------------------------------------------------------

    def on_check(self, gateway: int) -> None:
        checked = self.gateways[gateway % GATEWAYS]
        if checked is not None and self.faults.heads_are_checked:
            self.database.enter_epoch()
            checked.check_head()

    def on_heal(self, gateway: int) -> None:
        healed = self.gateways[gateway % GATEWAYS]
        if healed is not None and self.database.settled:
            healed.heal()

    def on_gateway_dies(self, gateway: int) -> None:
        gateway %= GATEWAYS
        dead = self.gateways[gateway]
        if dead is not None:
            for till in tuple(dead.tills):
                dead.disconnect(till)
        self.gateways[gateway] = None
        self.inboxes[gateway].clear()

    def on_a_second_passes(self) -> None:
        """Long enough for every head check, and for what it starts; a message may be slower than that."""
        for number in range(GATEWAYS):
            self.on_check(number)
            self.on_heal(number)

    # -- terminals ---------------------------------------------------------------------------------------------------

    def on_leave(self, till: int) -> None:
        leaving = self.tills[till % TILLS]
        if leaving.gateway is not None:
            leaving.gateway.disconnect(leaving)

    def on_come(self, till: int, gateway: int) -> None:
        coming = self.tills[till % TILLS]
        self._connect(coming, gateway, coming.cursor)

    def on_begin(self, till: int, gateway: int) -> None:
        self._connect(self.tills[till % TILLS], gateway, BEGINNING)

    def _connect(self, till: Till, gateway: int, after: Offset | None) -> None:
        # While the epoch is not entered a log's extent is not told, so a handshake that needs it is refused.
        if till.gateway is not None or not self.database.settled:
            return
        gateway %= GATEWAYS
        host = self.gateways[gateway]
        if host is None:
            host = Gateway(self.database, self.stream, RING_EVENTS)
            host.log = self.faults.log(
                self.database.head, self.database.floor, dict(self.database.forks), max_events=RING_EVENTS
            )
            self.gateways[gateway] = host
        host.connect(till, after)

    def on_replay(self, till: int) -> None:
        lagging = self.tills[till % TILLS]
        if lagging.gateway is not None:
            lagging.gateway.replay(lagging)

    def on_slow(self, till: int) -> None:
        slow = self.tills[till % TILLS]
        if slow.gateway is not None and slow.live:
            slow.position, slow.live = slow.gateway.log.head_seq, False

    # -- the end -----------------------------------------------------------------------------------------------------

    def judge(self) -> None:
        """Everybody comes back, what is healed by itself is; then each terminal holds exactly the log of record.

        Raises:
            AssertionError: one does not.
        """
        self.on_probe()
        for number in range(TILLS):
            self.on_come(number, number)
        self.on_a_second_passes()
        for number, till in enumerate(self.tills):
            self.on_replay(number)
            judge(till, self.database)

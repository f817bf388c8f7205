"""Hear the live channels of a changing set of tenants, on whichever servers they are.

Knows Redis' shapes through `Topology`. A pod that has a secret hears the signed channels alone, and hands over nothing
that was not signed for its tenant. Promises nothing about completeness: a message may be lost, late or double, and
the head check makes up for it. It promises to say so: every confirmed subscription is reported (a gap may
lie before it), and `unheard` names, within 3 s, the tenants of a server that does not return a canary.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from backbone.contract.errors import Violation
from backbone.contract.event import Event, NamesUnknown, decode_live
from backbone.contract.offset import Offset
from backbone.eventlog.keys import canary_channel, live_channel, signed_channel, tenant_of_channel
from backbone.eventlog.signing import Misfit, Misfits, signatures_of
from backbone.eventlog.slot_map import SlotMap
from backbone.eventlog.subscription import Subscription
from backbone.eventlog.topology import LOOK_SECONDS, Topology
from backbone.runtime.redis_url import Address
from backbone.runtime.settings import PodSettings

NOTHING_AROUND: AbstractContextManager[object] = contextlib.nullcontext()

CANARY_NAMES = 100_000
"""Names that are tried for a canary that lives on a certain server; for one slot it takes 16,384 on average."""


class LiveFeed:
    """One `Subscription` for each server that has a tenant of ours. `run` is the only task's body; the callbacks are
    called from it and must not wait. `on_head` says no more than that an event is there: a pod of release 0.1 told it.
    `together` is entered around the events that arrived together."""

    def __init__(
        self,
        settings: PodSettings,
        topology: Topology,
        on_event: Callable[[str, Event], None],
        on_confirmed: Callable[[str], None],
        together: AbstractContextManager[object] = NOTHING_AROUND,
        on_head: Callable[[str, Offset], None] = lambda *_: None,
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_head = on_head
        self._on_confirmed = on_confirmed
        self._together = together
        self._signatures = signatures_of(settings)
        self._channel_of = live_channel if self._signatures is None else signed_channel
        self._misfits = Misfits("live")
        self._topology = topology
        topology.on_change(self._on_topology)
        self._wanted: set[str] = set()
        self._tenants: dict[bytes, str] = {}
        """The tenant of a channel, of those that are wanted: a look-up, where reading the name would cost ten."""
        self._homes: dict[str, Address] = {}
        self._subscriptions: dict[Address, Subscription] = {}
        self._changed = asyncio.Event()

    @property
    def trusted(self) -> bool:
        """Whether a canary came back lately from every server that we listen to."""
        subscriptions = self._subscriptions.values()
        return bool(subscriptions) and all(subscription.trusted for subscription in subscriptions)

    def unheard(self) -> set[str]:
        """The tenants of whom an event might not reach us now, as far as can be known."""
        unheard = {
            tenant_of_channel(channel)
            for subscription in self._subscriptions.values()
            for channel in subscription.unheard()
        }
        if len(self._homes) < len(self._wanted):
            # Only wanted ones have a home: that is all that a look costs while everybody has one.
            unheard.update(self._wanted - self._homes.keys())
        return unheard

    def want(self, tenant: str) -> None:
        """Hear this tenant from now on."""
        self._wanted.add(tenant)
        self._tenants[self._channel_of(tenant).encode()] = tenant
        self._place([tenant])

    def unwant(self, tenant: str) -> None:
        """Do not hear this tenant any more."""
        self._wanted.discard(tenant)
        self._tenants.pop(self._channel_of(tenant).encode(), None)
        self._leave(tenant)
        self._changed.set()

    async def run(self) -> None:
        """Keep the subscriptions up for ever; ends by cancellation only."""
        self._homes.clear()
        self._subscriptions.clear()
        await self._topology.ready()
        async with asyncio.TaskGroup() as group:
            await self._keep(group)

    async def _keep(self, group: asyncio.TaskGroup) -> None:
        """Place everything and keep one task a subscription, whenever something changed."""
        running: dict[Subscription, asyncio.Task[None]] = {}
        placed_by: SlotMap | None = None
        while True:
            self._changed.clear()
            # A tenant that is heard stays where it is as long as the slot map stays the same.
            if self._topology.slot_map is not placed_by or self.unheard():
                placed_by = self._topology.slot_map
                self._place(self._wanted)
            self._end_unneeded()
            for subscription in self._subscriptions.values():
                if subscription not in running:
                    running[subscription] = group.create_task(subscription.run(), name="live-subscription")
            for subscription in running.keys() - set(self._subscriptions.values()):
                running.pop(subscription).cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
                continue
            self._topology.look_soon()

    def _on_topology(self) -> None:
        self._changed.set()

    def _place(self, tenants: Iterable[str]) -> None:
        slot_map = self._topology.slot_map
        for tenant in tenants:
            channel = self._channel_of(tenant)
            owner = slot_map.owner(channel)
            if owner is None:
                self._leave(tenant)
                self._topology.look_soon()
            elif self._homes.get(tenant) != owner:
                self._leave(tenant)
                self._homes[tenant] = owner
                self._subscription(owner).want(channel)
            elif owner in self._subscriptions:
                self._subscriptions[owner].want(channel)

    def _leave(self, tenant: str) -> None:
        home = self._homes.pop(tenant, None)
        if home is not None and home in self._subscriptions:
            self._subscriptions[home].unwant(self._channel_of(tenant))

    def _subscription(self, address: Address) -> Subscription:
        found = self._subscriptions.get(address)
        if found is None:
            found = self._subscriptions[address] = Subscription(
                self._settings, self._topology, address, self._canary_at, self._hand_over, self._confirmed,
                self._together,
            )  # fmt: skip
            self._changed.set()
        return found

    def _end_unneeded(self) -> None:
        """One server is always listened to, so that there is an answer to the question whether Redis is there."""
        home = self._topology.slot_map.owner(canary_channel(self._settings.pod_name))
        if home is not None:
            self._subscription(home)
        for address, subscription in list(self._subscriptions.items()):
            if subscription.empty and address != home:
                del self._subscriptions[address]

    def _canary_at(self, address: Address) -> str | None:
        """A channel of our own that this server has; None when it has no slot any more."""
        slot_map = self._topology.slot_map
        if address not in slot_map.servers:
            return None
        names = (
            canary_channel(f"{self._settings.pod_name}{f':{n}' if n else ''}") for n in range(CANARY_NAMES)
        )
        return next((name for name in names if slot_map.owner(name) == address), None)

    def _confirmed(self, channel: str) -> None:
        self._on_confirmed(tenant_of_channel(channel))

    def _hand_over(self, channel: bytes, data: bytes) -> None:
        tenant = self._tenants.get(channel)
        if tenant is None:
            # Said before the server heard that nobody wants it any more.
            return
        try:
            event = decode_live(data) if self._signatures is None else self._signatures.unseal(tenant, data)
        except NamesUnknown as exc:
            self._on_head(tenant, exc.offset)
            return
        except Violation:
            self._misfits.met(Misfit.WRONG, tenant)
            return
        self._on_event(tenant, event)

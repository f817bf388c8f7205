"""Webhook endpoints of the drill's shops, all at one listener that answers them with a status."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.listener import HOOK
from drill.place import Place


@contextmanager
def endpoints(place: Place, count: int, status: int, *, keep: bool = False) -> Iterator[None]:
    """So many endpoints, of the shops by turns, answer with this status; afterwards with 200, and then they go.

    They go at once, unless they are kept: those are enabled, as the runbook says. Else one that refused an event twice
    would be asked again five minutes later, which is no time of a rule and is not divided.
    """
    shops = place.traffic.shops
    made: list[str] = []
    place.listener.hook_status = status
    with place.traffic.operator() as client:
        try:
            for number in range(count):
                path = f"/api/tenant/{shops[number % len(shops)].slug}/webhooks"
                body = {"url": f"{place.listener.url}{HOOK}/{number}"}
                answer = client.post(path, json=body).raise_for_status()
                made.append(f"{path}/{answer.json()['id']}")
            yield
        finally:
            place.listener.hook_status = 200
            for path in made:
                answer = client.post(f"{path}/enable") if keep else client.delete(path)
                answer.raise_for_status()

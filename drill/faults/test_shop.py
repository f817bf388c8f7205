"""A test tenant's orders are seen by nobody: nobody is to be told of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.fault import Fault
from drill.place import Place
from drill.traffic import ORDER

ORDERS = 20
SLUG = "test-nobody"


@contextmanager
def broken(place: Place) -> Iterator[None]:
    with place.traffic.operator() as client:
        made = client.post(
            "/api/tenants", json={"slug": SLUG, "name": "Nobody's", "test": True}
        ).raise_for_status()
        store = {"Authorization": f"Bearer {made.json()['storefrontKey']}"}
        for _ in range(ORDERS):
            client.post("/api/tenant/orders/create", json=ORDER, headers=store).raise_for_status()
        try:
            yield
        finally:
            client.delete(f"/api/tenant/{SLUG}").raise_for_status()


FAULT = Fault(
    "test-shop",
    f"a test tenant has {ORDERS} orders that nobody sees",
    broken,
    stays=240.0,
)

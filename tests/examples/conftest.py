"""One cluster for all examples and pages, with a shop of its own for each."""

import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest

from infra.local.cluster import Cluster
from infra.local.plan import Plan
from infra.local.ports import free_port
from infra.local.shops import Shop
from tests.examples.reader import shop_of
from tests.shop import bearer

OpenExample = Callable[[str], Shop]
# On a machine that others use half a minute passes soon, and then an alarm would come between the events of a page.
PATIENT = {"ackDeadlineSeconds": 86_400}


@pytest.fixture(scope="session")
def page_port() -> int:
    """Where the browser's page comes from."""
    return free_port()


@pytest.fixture(scope="session")
def square(page_port: int) -> Iterator[Cluster]:
    """The cluster, which lists the page's origin; a webhook that failed is tried again soon."""
    settings = {
        "BELLWIRE_HEARTBEAT_SECONDS": "2",
        "BELLWIRE_DRAIN_NOTICE_SECONDS": "0",
        # After 0.05, 3 and 18 s: a receiver that is started again may miss the first, and is there for the others.
        "BELLWIRE_WEBHOOK_RETRY_SCALE": "0.01",
        "BELLWIRE_ALLOWED_ORIGINS": f"http://127.0.0.1:{page_port}",
    }
    with Cluster(Plan(api_pods=1, gateway_pods=1), settings=settings) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def open_example(square: Cluster) -> OpenExample:
    """Call it with a word for a shop with one terminal."""

    def open_shop(word: str) -> Shop:
        slug = f"{word}-{uuid.uuid4().hex[:6]}"
        with httpx.Client(
            base_url=square.url, headers=bearer(square.operator_key), trust_env=False
        ) as client:
            opened = client.post("/api/tenants", json={"slug": slug, "name": word, **PATIENT})
            terminal = client.post(f"/api/tenant/{slug}/terminals", json={"name": "counter"})
        assert (opened.status_code, terminal.status_code) == (201, 201), opened.text + terminal.text
        return shop_of(slug, (opened.json(), terminal.json()))

    return open_shop

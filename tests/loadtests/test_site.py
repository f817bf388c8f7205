"""The cluster's figures: pods' pages, a Prometheus, and the load test's own page for one."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from loadtests.core.exposition import METRICS, exposition
from loadtests.core.record import FAULTS, LOST, Record
from loadtests.prometheus import Prometheus
from loadtests.site import Part, Site, read_page

PAGE = """# HELP process_cpu_seconds_total x
process_cpu_seconds_total {cpu}
process_resident_memory_bytes 1.2e+08
bellwire_gateway_connections{{transport="sse"}} 2.0
bellwire_gateway_connections{{transport="websocket"}} 5.0
bellwire_redis_up NaN
bellwire_ack_seconds_bucket{{le="0.1"}} {acks}
bellwire_ack_seconds_bucket{{le="+Inf"}} {acks}
"""


def test_a_page_s_labels_are_added_up_and_what_is_no_number_is_left_out() -> None:
    page = read_page(PAGE.format(cpu=1.5, acks=7))
    assert page.sums["bellwire_gateway_connections"] == 7
    assert "bellwire_redis_up" not in page.sums
    assert page.buckets["bellwire_ack_seconds"] == {0.1: 7.0, float("inf"): 7.0}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def serving(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def test_a_site_tells_growth_since_its_first_look_and_counts_what_it_missed(
    http: aiohttp.ClientSession,
) -> None:
    looks = 0

    async def metrics(_: web.Request) -> web.Response:
        nonlocal looks
        looks += 1
        return web.Response(text=PAGE.format(cpu=looks * 0.01, acks=looks * 10))

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner, url = await serving(app)
    site = Site(http, [Part("api-1", url), Part("gone", "http://127.0.0.1:1")], local=True)
    await site.look()
    await asyncio.sleep(0.05)
    await site.look()
    await runner.cleanup()
    assert {"memory api-1", "connections api-1", "cpu api-1", "cpu machine", "cores machine"} <= set(
        site.record.values
    )
    assert next(iter(site.record.values["cpu api-1"].values())) > 0
    assert site.histograms == {"ack": {0.1: 10.0, float("inf"): 10.0}}
    assert site.misses == 2


async def test_a_prometheus_is_asked_for_the_same_figures_by_pod(http: aiohttp.ClientSession) -> None:
    async def query(request: web.Request) -> web.Response:
        asked = request.query["query"]
        labels = (
            {"le": "0.1"}
            if "_bucket" in asked
            else {"job": "bellwire-api", "instance": "10.0.0.7:8000", "pod": "api-x1"}
        )
        if "open_fds" in asked:
            del labels["pod"]
        result = [] if "unsent" in asked else [{"metric": labels, "value": [1, "0.5"]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    app = web.Application()
    app.router.add_get("/api/v1/query", query)
    runner, url = await serving(app)
    prometheus = Prometheus(http, url)
    await prometheus.look()
    await runner.cleanup()
    await prometheus.look()
    assert {"cpu api-x1", "memory api-x1", "descriptors api-10.0.0.7:8000"} <= set(prometheus.record.values)
    assert not [name for name in prometheus.record.values if name.startswith("unsent")]
    assert prometheus.histograms["ack"] == {0.1: 0.0}
    assert prometheus.misses > 0


def test_the_load_test_s_own_page_is_read_by_a_prometheus_and_has_every_fault_from_the_begin() -> None:
    record = Record()
    for milliseconds in (4.0, 40.0, 400.0):
        record.note('EVENT "x"', 1000, milliseconds)
    record.failed('EVENT "x"', 1000, "503")
    record.fault(LOST, "a", 2)
    record.value("connections crowd", 1000, 12)
    record.value("cpu probes", 900, 1)
    record.take()
    record.faults = {LOST: 2}
    record.value("connections crowd", 1001, 12)
    page = exposition(record, "steady", "abc", 20.0, 1002)
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert samples["bellwire_load_seconds_bucket", "0.05", 'EVENT "x"'] == 2
    assert samples["bellwire_load_seconds_count", 'EVENT "x"'] == 3
    assert samples["bellwire_load_failures_total", 'EVENT "x"'] == 1
    assert samples["bellwire_load_faults_total", LOST] == 2
    assert {("bellwire_load_faults_total", kind) for kind in FAULTS} <= set(samples)
    assert samples["bellwire_load_terminals", "crowd"] == 12
    assert ("bellwire_load_cpu_cores", "probes") not in samples
    assert samples["bellwire_load_asked_orders",] == 20
    # A row that has not come yet is there, so that its first ones are seen to rise.
    assert samples["bellwire_load_seconds_count", "DOOR away sse (crowd)"] == 0
    assert {name.removesuffix("_total") for name in METRICS} == {
        f.name for f in text_string_to_metric_families(page)
    }

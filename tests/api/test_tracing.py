"""Spans reach a collector when one is set, and nothing is loaded when none is."""

import subprocess
import sys

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.local.ports import free_port
from tests.api.endpoints import register, until
from tests.api.sink import Sink, open_sink
from tests.api.test_trace import TRACE
from tests.api.test_webhooks import frozen
from tests.conftest import ROOT, StartApiPod
from tests.shop import Shop


def spans(collector: Sink) -> list[Span]:
    """Everything that was exported."""
    found = []
    for delivery in tuple(collector.accepted):
        request = ExportTraceServiceRequest.FromString(delivery.body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                found += scope.spans
    return found


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    # The client of Redis looks for the API's package by itself, which by itself does nothing.
    code = (
        "import sys, api.app, gateway.app;"
        "print(any(name.startswith(('opentelemetry.sdk.trace', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


async def test_an_order_and_its_webhook_are_spans_of_the_callers_trace_and_name_nobody(
    shop: Shop, start_api_pod: StartApiPod, api_pods: tuple[object, ...]
) -> None:
    with open_sink() as collector, open_sink() as sink:
        pod = start_api_pod({"BELLWIRE_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}/v1/traces"})
        await register(shop, sink.url)
        with frozen(api_pods):  # type: ignore[arg-type]
            async with httpx.AsyncClient(base_url=pod.url, headers={"traceparent": TRACE}) as http:
                order = await shop.at(http).order()
                await shop.at(http).step(order["orderId"], "preparing")
            await until(lambda: len(sink.accepted) == 2)
            # The last words leave with the pod.
            pod.stop(15)
        # The pod also carries webhooks of other tests' shops, each in the trace of its own order.
        ours = [span for span in spans(collector) if span.trace_id.hex() == TRACE[3:35]]
    found = {span.name: span for span in ours}
    create = found["POST /api/tenant/orders/create"]
    assert "PATCH /api/tenant/{tenant}/orders/{orderId}/status" in found
    assert create.parent_span_id.hex() == TRACE[36:52]
    # The event carries the span that made it, and the webhook's span hangs from that.
    event = sink.accepted[0].event
    assert event["traceparent"] == f"00-{TRACE[3:35]}-{create.span_id.hex()}-01"
    webhooks = [span for span in ours if span.name == "webhook"]
    assert webhooks[0].parent_span_id == create.span_id
    assert sink.accepted[0].headers["traceparent"][36:52] == webhooks[0].span_id.hex()
    exported = b"".join(delivery.body for delivery in collector.accepted)
    for private in (
        shop.slug,
        shop.terminal_key[-20:],
        "170 1234567",
        "Lovelace",
        order["orderId"],
        str(sink.port),
    ):
        assert private.encode() not in exported


async def test_a_collector_that_is_away_costs_no_answer_and_no_drain(
    shop: Shop, start_api_pod: StartApiPod
) -> None:
    pod = start_api_pod({"BELLWIRE_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}/v1/traces"})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        for _ in range(20):
            await shop.at(http).order()
    pod.stop(20)
    assert pod._child is not None
    assert pod._child.wait(0) == 0

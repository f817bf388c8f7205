"""Spans for OpenTelemetry, exported over OTLP when `BELLWIRE_OTLP_ENDPOINT` is set; without it nothing is loaded.

A span knows route templates, methods, statuses and outcomes; never a path, a tenant, a key or a customer.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backbone.contract.trace import HEADER, parse_traceparent
from backbone.runtime.settings import InvalidSettings, PodSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanKind

FLUSH_SECONDS = 2
UNTRACED = ("/healthz", "/readyz", "/metrics")


class Tracing:
    """A provider of our own; nothing global is set. Made by `open_tracing`."""

    def __init__(self, endpoint: str, ratio: float, service: str, pod: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        self._provider = TracerProvider(
            # The caller that began the trace decided whether it is sampled.
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=Resource.create({"service.name": service, "service.instance.id": pod}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=FLUSH_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("bellwire")

    @contextlib.contextmanager
    def server(self, traceparent: str | None) -> "Iterator[Span]":
        """A span around the answer to a request that carried this trace context, if any."""
        with self._span("request", self._trace.SpanKind.SERVER, traceparent) as span:
            yield span

    @contextlib.contextmanager
    def client(self, name: str, traceparent: str | None) -> "Iterator[Span]":
        """A span around a request of ours."""
        with self._span(name, self._trace.SpanKind.CLIENT, traceparent) as span:
            yield span

    def traceparent_of(self, span: "Span") -> str:
        """The trace context that whatever follows from `span` carries."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._trace.set_span_in_context(span))
        return carrier[HEADER]

    async def close(self) -> None:
        """Send what has gathered, for a moment at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.to_thread(self._provider.shutdown)

    @contextlib.contextmanager
    def _span(self, name: str, kind: "SpanKind", traceparent: str | None) -> "Iterator[Span]":
        context = None if traceparent is None else self._propagator.extract({HEADER: traceparent})
        span = self._tracer.start_span(name, context=context, kind=kind, start_time=time.time_ns())
        try:
            yield span
        finally:
            span.end()


def open_tracing(settings: PodSettings, service: str) -> Tracing | None:
    """Begin to trace; None when no endpoint is set.

    Raises:
        InvalidSettings: an endpoint is set, and the packages for it are not installed.
    """
    if settings.otlp_endpoint is None:
        return None
    try:
        return Tracing(str(settings.otlp_endpoint), settings.otlp_ratio, service, settings.pod_name)
    except ImportError as exc:
        raise InvalidSettings(
            f"BELLWIRE_OTLP_ENDPOINT: needs a package that is not installed ({exc.name}): pip install 'bellwire[otel]'"
        ) from exc


class TracedRequests:
    """ASGI middleware: a span a request. Events that the request makes carry the span's context on."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on inside its span."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        with self._tracing.server(parse_traceparent(headers.getlist(HEADER))) as span:
            headers[HEADER] = self._tracing.traceparent_of(span)

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, watch)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                span.update_name(f"{scope['method']} {route}")
                span.set_attribute("http.route", route)
                span.set_attribute("http.request.method", scope["method"])

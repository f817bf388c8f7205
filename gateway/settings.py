"""The settings of a gateway pod."""

from typing import Literal

from pydantic import Field

from backbone.runtime.settings import PodSettings


class GatewaySettings(PodSettings):
    """`BELLWIRE_…`, see `docs/settings.md`."""

    heartbeat_seconds: int = Field(20, ge=1, le=300, description="between two heartbeats of a socket")
    drain_seconds: float = Field(20, ge=0, le=600, description="over which a stopping pod spreads its closes")
    drain_notice_seconds: float = Field(
        3,
        ge=0,
        le=60,
        description="between the end of readiness and the first close, for the load balancer to notice",
    )
    workers: int = Field(1, ge=1, le=64, description="processes that share this pod's port and its sockets")
    max_sockets: int = Field(50_000, ge=1, description="sockets on this pod; more get 503")
    max_handshakes: int = Field(
        256, ge=1, description="handshakes under way at once at a worker; more stand in line"
    )
    max_waiting: int = Field(
        4096, ge=1, description="handshakes that stand in line at a worker; more get 503"
    )
    key_handshakes: int = Field(
        50,
        ge=1,
        description="handshakes a second with one valid key at a worker; ten seconds' worth may come at once; more "
        "get 429",
    )
    tenant_handshakes: int = Field(
        2000,
        ge=1,
        description="handshakes a second of one tenant that a worker lets in; ten seconds' worth may come at once; "
        "more get 429",
    )
    slow_seconds: float = Field(
        10, gt=0, le=300, description="a socket that takes nothing for so long is closed"
    )
    head_check_seconds: float = Field(1, gt=0, le=60, description="between two comparisons with PostgreSQL")
    ring_events: int = Field(512, ge=1, le=100_000, description="newest events kept ready, per tenant")
    ring_bytes: int = Field(
        1 << 20, ge=32 * 1024, description="upper bound of that ring in bytes, per tenant"
    )
    database_connections: int = Field(
        8, ge=1, le=200, description="connections to PostgreSQL, of each worker"
    )
    compression: bool = Field(
        False,
        description="grant permessage-deflate to sockets that offer it; an event is compressed once for all",
    )
    send_buffer_bytes: int = Field(32 * 1024, ge=4096, description="kernel send buffer of a socket")
    fanout: Literal["auto", "python"] = Field(
        "auto", description="`auto` takes the compiled loop where it was built"
    )

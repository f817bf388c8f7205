"""Whether settings, machine and door fit a pod. Pure: facts in, findings out."""

from collections.abc import Iterator, Sequence

from api.settings import ApiSettings
from backbone.runtime.redis_url import RedisPlace
from backbone.runtime.settings import PodSettings
from bellwire.doctor.door import DoorFacts
from bellwire.doctor.finding import Finding, ok, warning, wrong
from bellwire.doctor.machine import MachineFacts
from gateway.settings import GatewaySettings

LOCAL = ("localhost", "127.0.0.1", "::1")
# A process needs these besides a descriptor for each socket, and memory besides some for each socket.
OTHER_DESCRIPTORS = 256
WORKER_BYTES = 80 << 20
SOCKET_BYTES = 8 << 10
BACKLOG = 4096
DAYS_SOON, DAYS_LATE = 21, 3
SKEW_SECONDS = 2.0


def judge_settings(pods: Sequence[PodSettings], unknown: Sequence[str]) -> Iterator[Finding]:
    """Tell what is allowed, and unwise."""
    for name in unknown:
        yield warning("settings", f"nothing reads {name}", "`bellwire settings` lists what there is")
    yield ok("settings", f"those of {' and '.join(map(_kind, pods))} are read and hold together")
    settings = pods[0]
    if settings.redis_secret is None:
        yield warning(
            "settings",
            "without BELLWIRE_REDIS_SECRET everything in Redis is believed",
            "set one on every pod: docs/security.md",
        )
    if not settings.require_tls and not _is_local(settings):
        yield warning(
            "settings",
            "connections to PostgreSQL and Redis need not be encrypted",
            "set BELLWIRE_REQUIRE_TLS=true",
        )
    if "*" in settings.allowed_origins:
        yield warning(
            "settings", "pages of every origin may connect", "list them in BELLWIRE_ALLOWED_ORIGINS"
        )
    for pod in pods:
        if isinstance(pod, ApiSettings) and pod.webhook_private:
            yield warning(
                "settings", "webhooks may go to private addresses", "take BELLWIRE_WEBHOOK_PRIVATE away"
            )


def _kind(pod: PodSettings) -> str:
    return "API pods" if isinstance(pod, ApiSettings) else "gateways"


def _is_local(settings: PodSettings) -> bool:
    hosts = [host["host"] for host in settings.database_url.hosts()]
    seeds = [seed.host for seed in RedisPlace.parse(settings.redis_url).seeds]
    return all(not host or host.strip("[]") in LOCAL or host.startswith("/") for host in [*hosts, *seeds])


def judge_machine(facts: MachineFacts, gateway: GatewaySettings | None) -> Iterator[Finding]:
    """Tell whether a gateway with these settings fits here. Without one, what any process needs."""
    if facts.backlog is not None and facts.backlog < BACKLOG:
        yield warning(
            "machine",
            f"{facts.backlog} connections may wait to be accepted: a crowd that comes back is turned away",
            f"sysctl -w net.core.somaxconn={BACKLOG}",
        )
    if gateway is None:
        return
    yield _descriptors(facts, gateway)
    yield _memory(facts, gateway)
    if gateway.workers > facts.cpus:
        yield warning(
            "machine",
            f"{gateway.workers} workers share {facts.cpus:g} cores",
            "set BELLWIRE_WORKERS to the cores",
        )
    if gateway.fanout == "auto" and not facts.compiled_loop:
        yield warning(
            "machine",
            "the compiled loop of the fan-out was not built: sending costs a sixth more",
            "install the wheel where a C compiler is (`apt-get install gcc`), or take the image",
        )


def _descriptors(facts: MachineFacts, gateway: GatewaySettings) -> Finding:
    wanted = -(-gateway.max_sockets // gateway.workers) + OTHER_DESCRIPTORS
    if facts.descriptors is not None and facts.descriptors < wanted:
        return wrong(
            "machine",
            f"a process may open {facts.descriptors} files, and a worker needs {wanted}: it takes fewer sockets",
            f"LimitNOFILE={wanted} (systemd), `ulimit -Hn {wanted}`, or a lower BELLWIRE_MAX_SOCKETS",
        )
    return ok("machine", f"{wanted} open files fit")


def _memory(facts: MachineFacts, gateway: GatewaySettings) -> Finding:
    wanted = gateway.workers * WORKER_BYTES + gateway.max_sockets * SOCKET_BYTES
    text = f"{gateway.max_sockets} idle sockets need about {wanted >> 20} MB"
    if facts.memory_bytes is not None and facts.memory_bytes < wanted:
        return warning(
            "machine",
            f"{text}; there are {facts.memory_bytes >> 20}",
            "raise the limit, or lower BELLWIRE_MAX_SOCKETS",
        )
    return ok("machine", text)


def judge_door(facts: DoorFacts) -> Iterator[Finding]:
    """Tell what a till meets."""
    if facts.trouble is not None:
        yield wrong("door", facts.trouble, "see that the balancer runs and that its name leads to it")
        return
    yield _certificate(facts)
    if facts.skew_seconds is not None and abs(facts.skew_seconds) > SKEW_SECONDS:
        yield warning(
            "door",
            f"its clock differs from this one by {abs(facts.skew_seconds):.0f} s",
            "let chrony or ntpd set both",
        )
    if facts.api_status == 401:
        yield ok("door", "leads to the API")
    else:
        yield wrong(
            "door",
            f"GET /api/whoami without a key is {facts.api_status} and not 401",
            "see that /api leads to API pods",
        )
    if facts.handshake_status == 401:
        yield ok("door", "lets a WebSocket through to a gateway")
    else:
        yield wrong(
            "door",
            f"a WebSocket without a key is {facts.handshake_status} and not 401",
            "let what stands between pass Upgrade on to the gateways; tills use /sse until then",
        )


def _certificate(facts: DoorFacts) -> Finding:
    if not facts.encrypted:
        return warning(
            "door",
            "is open in the clear: keys can be read on the way",
            "set LB_CERT: docs/operations.md, TLS",
        )
    if facts.certificate_days is None:
        return warning("door", "its certificate says no end", "look at it with openssl s_client")
    text = f"its certificate is good for {facts.certificate_days:.0f} days"
    if facts.certificate_days < DAYS_LATE:
        return wrong("door", text, "renew it now: docs/operations.md, TLS")
    if facts.certificate_days < DAYS_SOON:
        return warning("door", text, "see why it was not renewed: docs/operations.md, TLS")
    return ok("door", text)

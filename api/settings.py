"""The settings of an API pod besides those of every pod. Read once, handed over."""

from pydantic import Field, SecretStr

from api.core.secret_ring import SecretRing
from backbone.runtime.settings import MIN_SECRET_CHARACTERS, PodSettings, Ports, Secret, Secrets


class ApiSettings(PodSettings):
    """The settings of an API pod; `BELLWIRE_CARD_SECRET` is the only one without a default."""

    card_secret: Secret = Field(
        description="secret from which gift card numbers are made, and by which cards are found, and webhook secrets "
        f"without BELLWIRE_WEBHOOK_SECRET; the same on every pod; at least {MIN_SECRET_CHARACTERS} characters"
    )
    card_secret_before: Secrets = Field(
        (),
        description="secrets besides that one under which cards stand, while it is changed: one, or a JSON list of "
        "them, newest first; kept until `bellwire audit` counts none under them",
    )
    webhook_secret: Secret | None = Field(
        None,
        description="secret from which the secrets of webhooks are derived that are made or rotated from now on; "
        f"without one it is BELLWIRE_CARD_SECRET; at least {MIN_SECRET_CHARACTERS} characters; when no pod of release "
        "0.1 runs any more",
    )
    webhook_secret_before: Secrets = Field(
        (),
        description="secrets besides that one and those of cards from which webhooks' secrets are derived, while it is "
        "changed: as BELLWIRE_CARD_SECRET_BEFORE",
    )
    write_connections: int = Field(12, ge=1, le=200, description="PostgreSQL connections for writes")
    read_connections: int = Field(8, ge=1, le=200, description="PostgreSQL connections for reads")
    tenant_writes: int = Field(
        4, ge=1, le=200, description="writes of one tenant under way at once in this pod"
    )
    orders_a_commit: int = Field(
        16,
        ge=1,
        le=32,
        description="orders of one tenant that share a commit when they come at the same time",
    )
    tenant_wait_seconds: float = Field(
        1.0, gt=0, le=10, description="how long a tenant's next write waits while as many of them run as may"
    )
    key_rate: int = Field(
        1000,
        ge=1,
        description="requests a second of one key in this pod; ten seconds' worth may come at once",
    )
    tenant_rate: int = Field(
        2000,
        ge=1,
        description="requests a second of one tenant in this pod; ten seconds' worth may come at once",
    )
    tenant_terminals: int = Field(
        10_000, ge=1, description="terminals of a tenant that are not revoked; one more is 409"
    )
    tenant_webhooks: int = Field(20, ge=1, description="webhook endpoints of a tenant; one more is 409")
    tenant_keys: int = Field(50, ge=1, description="valid storefront keys of a tenant; one more is 409")
    tenant_answers: int = Field(
        2_000_000,
        ge=1,
        description="answers to requests with an Idempotency-Key that are stored for a tenant, each for seven days; "
        "one more is 429",
    )
    key_in_flight: int = Field(
        256,
        ge=1,
        description="requests and long polls of one key under way at once in this pod; more get 429",
    )
    unsent_bytes: int = Field(
        64 << 20,
        ge=1 << 20,
        description="bytes of answers that wait for their readers in this pod; beyond that the largest is cut",
    )
    reader_seconds: float = Field(
        10.0, gt=0, le=300, description="a reader that takes nothing of its answer for so long is cut"
    )
    request_seconds: float = Field(
        20.0, gt=0, le=300, description="a request has to arrive, head and body, in so many seconds; else 408"
    )
    terminal_guesses: int = Field(
        10,
        ge=1,
        description="wrong gift card numbers of one terminal in ten minutes before it has to wait; a "
        "storefront's key may be wrong ten times as often",
    )
    tenant_guesses: int = Field(
        100,
        ge=1,
        description="wrong gift card numbers of one tenant's terminals in ten minutes before those of them "
        "have to wait that were wrong lately",
    )
    publish_queue: int = Field(10_000, ge=1, description="committed events that wait for Redis at most")
    webhook_private: bool = Field(
        False,
        description="let webhooks go to http:// and to addresses that are not public; for demos and tests only",
    )
    webhook_ports: Ports = Field(
        (),
        description="ports besides 443 that a new webhook may use, separated by commas: 8443,9443; those that exist "
        "go on",
    )
    webhook_deliveries: int = Field(
        100, ge=2, le=10_000, description="webhook endpoints that this pod delivers to at once"
    )
    webhook_timeout_seconds: float = Field(15.0, gt=0, le=60, description="bound of a webhook's attempt")
    webhook_retry_scale: float = Field(
        1.0, gt=0, le=1, description="shortens the waits between a webhook's attempts; for tests"
    )
    retention_days: int = Field(7, ge=1, le=3650, description="whole days for which events can be replayed")
    api_drain_seconds: float = Field(
        2.0,
        ge=0,
        le=60,
        description="how long a pod told to stop says so on /readyz before it refuses connections",
    )

    pages: bool | None = Field(
        None,
        description="serve the pages /till and /console; without a word on it they are served, but not where "
        "BELLWIRE_REQUIRE_TLS is true",
    )

    @property
    def serves_pages(self) -> bool:
        """Whether the pages are served; an installation that demands TLS everywhere is somebody's production."""
        return not self.require_tls if self.pages is None else self.pages

    @property
    def card_secrets(self) -> SecretRing:
        """The secrets under which cards stand."""
        return _ring(self.card_secret, self.card_secret_before)

    @property
    def webhook_secrets(self) -> SecretRing:
        """The secrets from which webhooks' own are derived; those of cards are among them."""
        newest = self.card_secret if self.webhook_secret is None else self.webhook_secret
        return _ring(newest, self.webhook_secret_before).joined(self.card_secrets)


def _ring(newest: SecretStr, before: tuple[SecretStr, ...]) -> SecretRing:
    return SecretRing(_bytes(newest), map(_bytes, before))


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()

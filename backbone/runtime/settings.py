"""Settings: read once from the environment (`BELLWIRE_…`), checked as a whole, handed over.

A wrong setting stops the process before it does anything, with every wrong one listed.
"""

import json
import os
import socket
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    UrlConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import MultiHostUrl, Url
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backbone.runtime.origins import check_origins, read_origins
from backbone.runtime.redis_url import RedisPlace, check_redis_url

DatabaseUrl = Annotated[MultiHostUrl, UrlConstraints(allowed_schemes=["postgresql", "postgres"])]
MIN_SECRET_CHARACTERS = 32
Secret = Annotated[SecretStr, Field(min_length=MIN_SECRET_CHARACTERS)]
RedisUrl = Annotated[str, AfterValidator(check_redis_url)]
# NoDecode: it is ours to read, a list with commas as well as JSON.
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(read_origins), AfterValidator(check_origins)]


def read_secrets(value: object) -> object:
    """Read one secret as it stands, or a JSON list of several.

    Raises:
        ValueError: it begins like a list and is none.
    """
    if isinstance(value, SecretStr):
        return (value,)
    return secrets_in(value) if isinstance(value, str) else value


def secrets_in(text: str) -> tuple[str, ...]:
    """Read the text of such a setting; an empty one has none. Raises as `read_secrets`."""
    if not text.startswith("["):
        return (text,) if text else ()
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(secret, str) for secret in found):
        raise ValueError("must be one secret, or a JSON list of them")
    return tuple(found)


Secrets = Annotated[tuple[Secret, ...], NoDecode, BeforeValidator(read_secrets)]


def read_ports(value: object) -> object:
    """Read numbers of ports, separated by commas.

    Raises:
        ValueError: one is none.
    """
    if not isinstance(value, str):
        return value
    words = [word.strip() for word in value.split(",") if word.strip()]
    if not all(
        word.isascii() and word.isdigit() and len(word) <= 5 and 0 < int(word) < 65536 for word in words
    ):
        raise ValueError("must be ports such as 8443,9443")
    return tuple(int(word) for word in words)


Ports = Annotated[tuple[int, ...], NoDecode, BeforeValidator(read_ports)]
OtlpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]


class InvalidSettings(Exception):
    """Some settings are wrong; the text lists all of them, one a line."""


class PodSettings(BaseSettings):
    """The settings that API pods and gateway pods share."""

    model_config = SettingsConfigDict(env_prefix="BELLWIRE_", extra="ignore", frozen=True)

    database_url: DatabaseUrl = Field(
        description="PostgreSQL: postgresql://user:password@host:port/name; several hosts, comma-separated, "
        "are tried for the one that is the primary"
    )
    database_pooler: bool = Field(
        False,
        description="true behind a pooler in transaction mode (PgBouncer), after `bellwire role-settings`",
    )
    redis_url: RedisUrl = Field(
        description="Redis or Valkey: redis://host:port/0, redis+sentinel://host:port,host:port/primary?db=0 or "
        "redis+cluster://host:port,host:port"
    )
    require_tls: bool = Field(
        False,
        description="start only with TLS to the servers: sslmode=require, verify-ca or verify-full in the address of "
        "PostgreSQL, and a scheme of Redis that begins with rediss",
    )
    redis_secret: Secret | None = Field(
        None,
        description="secret by which pods sign what they put into Redis, and believe nothing else; the same on every "
        f"pod; at least {MIN_SECRET_CHARACTERS} characters; without one everything in Redis is believed",
    )
    redis_secret_before: Secret | None = Field(
        None, description="the secret before that one, while it is changed: signed with and believed as well"
    )
    redis_signatures: Literal["both", "only"] = Field(
        "both",
        description="both announces events signed and unsigned, so that pods of release 0.1 hear them; only is for "
        "when none of those runs any more",
    )
    redis_strict: bool = Field(
        False,
        description="do not start without BELLWIRE_REDIS_SECRET and a password in BELLWIRE_REDIS_URL",
    )
    listen_host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 in a container")
    listen_port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    pod_name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        min_length=1,
        max_length=200,
        description="this pod's name in logs and in the list of terminals",
    )
    log_format: Literal["json", "text"] = Field("json", description="json for machines, text for a console")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is written"
    )
    otlp_endpoint: OtlpUrl | None = Field(
        None,
        description="where spans go, OTLP over HTTP: http://collector:4318/v1/traces; none traces nothing",
    )
    otlp_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="fraction of new traces to sample (0 to 1); if the caller already decided, its decision is kept",
    )
    allowed_origins: Origins = Field(
        (),
        description="origins whose pages may read answers and connect, separated by commas: "
        "https://till.example.com, http://192.168.1.20:3000; `*` is everybody, `null` and `file://` are pages without "
        "a host, and a pod that has one of these warns",
    )
    redis_timeout_seconds: float = Field(0.25, gt=0, le=5, description="bound of every wait for Redis")
    database_timeout_seconds: float = Field(3.0, gt=0, le=30, description="bound of every statement")
    database_connect_seconds: float = Field(2.0, gt=0, le=30, description="bound of a connection attempt")
    trust_forwarded_for: bool = Field(
        False,
        description="take the client's address from the last X-Forwarded-For; only where every request comes "
        "through a balancer that sets it",
    )
    stranger_rate: int = Field(
        50,
        ge=1,
        description="requests a second without a valid key, per address (of IPv6: per /64), in each process; ten "
        "seconds' worth may come at once",
    )
    stranger_lookups: int = Field(
        500,
        ge=1,
        description="keys a second that are looked up for an address with more wrong ones than it may have, so that a "
        "shop behind it goes on; ten seconds' worth may come at once",
    )
    stream_events: int = Field(
        256, ge=1, le=100_000, description="events that a tenant's Redis stream keeps, about"
    )
    stream_seconds: int = Field(86_400, ge=60, description="life of a Redis stream after its last event")

    @field_validator("redis_secret_before", "redis_signatures")
    @classmethod
    def _needs_a_secret(cls, value: object, info: ValidationInfo) -> object:
        if value not in (None, "both") and info.data.get("redis_secret") is None:
            raise ValueError("it needs BELLWIRE_REDIS_SECRET beside it")
        return value

    @field_validator("redis_strict")
    @classmethod
    def _is_strict(cls, value: bool, info: ValidationInfo) -> bool:
        if value and "redis_secret" in info.data and info.data["redis_secret"] is None:
            raise ValueError("BELLWIRE_REDIS_SECRET is missing")
        if value and "redis_url" in info.data and not RedisPlace.parse(info.data["redis_url"]).has_password:
            raise ValueError("BELLWIRE_REDIS_URL has no password: redis://:password@host:6379/0")
        return value


S = TypeVar("S", bound=BaseSettings)


def load_settings(cls: type[S], **overrides: object) -> S:
    """Read the settings of a pod from the environment; `overrides` (from the command line) win.

    Raises:
        InvalidSettings: at least one is missing or wrong; the message lists every one, without its value.
    """
    if garbled := [
        name for name in cls.model_fields if not _is_text(os.environ.get(f"BELLWIRE_{name.upper()}", ""))
    ]:
        raise InvalidSettings("\n".join(f"BELLWIRE_{name.upper()}: it is not UTF-8" for name in garbled))
    try:
        given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
        return cls(**given)
    except ValidationError as exc:
        lines = []
        for error in exc.errors(include_url=False, include_input=False):
            name, *inside = map(str, error["loc"] or ("settings",))
            field = cls.model_fields.get(name)
            where = "".join(f"{part}: " for part in inside)
            hint = f" ({field.description})" if field is not None and field.description else ""
            lines.append(f"BELLWIRE_{name.upper()}: {where}{error['msg']}{hint}")
        raise InvalidSettings("\n".join(lines)) from exc


def _is_text(value: str) -> bool:
    """Whether the bytes of a variable were UTF-8; Python hands over others as halves of surrogate pairs."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

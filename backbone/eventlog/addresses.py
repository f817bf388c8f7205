"""Whether the libraries can read the addresses of PostgreSQL and Redis, asked before a pod starts and connects nowhere.

The options behind a URL's host (`sslmode=…`, `db=…`) only the drivers know; met at the first connection it would be
taken for a server that is away, or for a bug.
"""

from urllib.parse import parse_qsl, urlsplit

from asyncpg import connect_utils
from pydantic import ValidationError
from pydantic_core import MultiHostUrl
from redis.exceptions import RedisError

from backbone.eventlog.node import connect
from backbone.runtime.redis_url import RedisPlace
from backbone.runtime.settings import InvalidSettings, PodSettings

TLS_MODES = ("require", "verify-ca", "verify-full")
"""Values of `sslmode` that take no connection in the clear."""


def check_addresses(settings: PodSettings) -> None:
    """Read both, and hold them to `BELLWIRE_REQUIRE_TLS`.

    Raises:
        InvalidSettings: one of them cannot be read; passwords are not repeated.
    """
    wrong = []
    try:
        check_database_url(str(settings.database_url))
    except ValueError as exc:
        wrong.append(f"BELLWIRE_DATABASE_URL: {exc}")
    try:
        check_redis_options(settings)
    except ValueError as exc:
        wrong.append(f"BELLWIRE_REDIS_URL: {exc}")
    if settings.require_tls and not wrong:
        wrong += _without_tls(settings)
    if wrong:
        raise InvalidSettings("\n".join(wrong))


def _without_tls(settings: PodSettings) -> list[str]:
    missing = []
    if _query(str(settings.database_url)).get("sslmode") not in TLS_MODES:
        missing.append(
            "BELLWIRE_DATABASE_URL does not say sslmode=verify-full (or verify-ca, or require, which judges no "
            "certificate)"
        )
    if not settings.redis_url.startswith("rediss"):
        missing.append(
            "BELLWIRE_REDIS_URL does not begin with rediss://, rediss+sentinel:// or rediss+cluster://"
        )
    return [f"BELLWIRE_REQUIRE_TLS: it is on, but {', and '.join(missing)}"] if missing else []


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def check_database_url(url: str) -> None:
    """Read the address as the driver will.

    Raises:
        ValueError: it cannot be used; one sentence.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("an address of PostgreSQL begins with postgresql://user:password@host:port/name")
    try:
        MultiHostUrl(url)
    except ValidationError as exc:
        raise ValueError(f"the address cannot be used ({exc.errors()[0]['msg']})") from exc
    nothing = dict.fromkeys(
        ("host", "port", "user", "password", "passfile", "database", "ssl", "service", "servicefile", "direct_tls",
         "server_settings", "target_session_attrs", "krbsrvname", "gsslib")
    )  # fmt: skip
    try:
        connect_utils._parse_connect_dsn_and_args(dsn=url, **nothing)  # type: ignore[attr-defined]
    except Exception as exc:
        # Any error here is about the text; the driver's sentence may quote a piece of it that is a password.
        said = str(exc).partition("\n")[0]
        known = (
            said if type(exc).__module__.startswith("asyncpg") else "a part of it is not what belongs there"
        )
        raise ValueError(f"the address cannot be used ({known})") from exc


def check_redis_options(settings: PodSettings) -> None:
    """Read the address as the client will.

    Raises:
        ValueError: it cannot be used; one sentence.
    """
    place = RedisPlace.parse(settings.redis_url)
    try:
        for seed in place.seeds:
            connect(settings, place.url_of(seed)).connection_pool.make_connection()
    except (ValueError, TypeError, AttributeError, RedisError) as exc:
        said = str(exc).rpartition("__init__() ")[-1]
        raise ValueError(f"the address cannot be used ({said})") from exc

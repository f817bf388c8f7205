"""Where Redis is: one server, a primary that Sentinels know, or a cluster; read from the setting's text.

Pure. Knows the spelling alone; who asks the Sentinels and the cluster is `backbone/eventlog/topology.py`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

REDIS_PORT = 6379
SENTINEL_PORT = 26379


class Shape(Enum):
    """How the servers behind a URL stand together."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Address(NamedTuple):
    """A server; of a Unix socket the path, with port 0."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else self.host


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A parsed URL. `seeds` are the servers it names: the one, some Sentinels, or some nodes of the cluster.

    `primary_name` is what the Sentinels call the primary. `sentinel_login` is user and password for the Sentinels.
    """

    shape: Shape
    seeds: tuple[Address, ...]
    scheme: str
    login: str
    rest: str
    primary_name: str = ""
    sentinel_login: tuple[str, str] = ("", "")

    @property
    def has_password(self) -> bool:
        """Whether the data servers are asked with a password."""
        password_in_query = any(
            name == "password" and value for name, value in parse_qsl(self.rest.partition("?")[2])
        )
        return bool(self.login.removesuffix("@").partition(":")[2]) or password_in_query

    @classmethod
    def parse(cls, text: str) -> "RedisPlace":
        """Read `redis://`, `rediss://`, `unix://`, `redis+sentinel://a:1,b:2/name?db=0` or `redis+cluster://a:1,b:2`.

        Raises:
            ValueError: it is none of these; the sentence does not repeat it, for a password may be in it.
        """
        parts = urlsplit(text)
        login, _, servers = parts.netloc.rpartition("@")
        login = f"{login}@" if login else ""
        query = f"?{parts.query}" if parts.query else ""
        match parts.scheme:
            case "unix":
                if not parts.path:
                    raise ValueError("it must name a socket: unix:///run/redis.sock")
                return cls(Shape.SINGLE, (Address(parts.path, 0),), "unix", login, query)
            case "redis" | "rediss":
                seeds = _addresses(servers, REDIS_PORT)
                if len(seeds) != 1:
                    raise ValueError("several servers need redis+sentinel:// or redis+cluster://")
                if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
                    raise ValueError("behind the host stands the number of a database: redis://host:6379/0")
                return cls(Shape.SINGLE, seeds, parts.scheme, login, parts.path + query)
            case "redis+sentinel" | "rediss+sentinel":
                return cls._sentinel(parts.scheme, login, servers, parts.path, parts.query)
            case "redis+cluster" | "rediss+cluster":
                if parts.path not in ("", "/", "/0"):
                    raise ValueError("a cluster has one database: leave the path away")
                seeds = _addresses(servers, REDIS_PORT)
                return cls(Shape.CLUSTER, seeds, parts.scheme.split("+")[0], login, query)
        raise ValueError(
            "it must start with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://"
        )

    @classmethod
    def _sentinel(cls, scheme: str, login: str, servers: str, path: str, query: str) -> "RedisPlace":
        name = path.strip("/")
        if not name or "/" in name:
            raise ValueError("it must name the primary: redis+sentinel://host:26379,host:26379/primary?db=0")
        options = dict(parse_qsl(query))
        database = options.pop("db", "0")
        if not database.isdecimal():
            raise ValueError("db must be a number")
        sentinel_login = (options.pop("sentinel_username", ""), options.pop("sentinel_password", ""))
        rest = f"/{database}" + (f"?{urlencode(options)}" if options else "")
        seeds = _addresses(servers, SENTINEL_PORT)
        return cls(Shape.SENTINEL, seeds, scheme.split("+")[0], login, rest, name, sentinel_login)

    def url_of(self, address: Address) -> str:
        """The URL of one server among them."""
        if self.scheme == "unix":
            return f"unix://{self.login}{address.host}{self.rest}"
        return f"{self.scheme}://{self.login}{address}{self.rest}"


def check_redis_url(text: str) -> str:
    """Return `text` if it says where Redis is.

    Raises:
        ValueError: it does not; the sentence says what is wrong and repeats nothing.
    """
    RedisPlace.parse(text)
    return text


def _addresses(servers: str, default_port: int) -> tuple[Address, ...]:
    found = []
    for server in servers.split(","):
        try:
            # A scheme of no meaning: the standard library knows how to read a host and a port.
            parts = urlsplit(f"any://{server}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host:
            raise ValueError("every server in it must be host:port")
        found.append(Address(host, default_port if port is None else port))
    return tuple(found)

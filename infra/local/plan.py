"""The plan of the local cluster: how many pods, on which port, with whose servers. Checked as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.failure import WrongSetting

MOST_PODS = 8
# The pods check the rest of a URL, behind its scheme.
REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "redis+cluster://")


@dataclass(frozen=True, slots=True)
class Plan:
    """The shape of a cluster. `port` None: any free one. A URL that is None: an embedded server.

    `durable`: our own database waits for its disk.
    """

    api_pods: int = 2
    gateway_pods: int = 3
    port: int | None = None
    load_balancer: bool = True
    database_url: str | None = None
    redis_url: str | None = None
    tls: bool = False
    monitoring: bool = False
    durable: bool = False

    @classmethod
    def from_environment(cls, env: Mapping[str, str], default_port: int | None = None) -> "Plan":
        """Read `BELLWIRE_…`; an empty value counts as none.

        Raises:
            WrongSetting: at least one is wrong; the text lists every one.
        """
        wrong: list[str] = []
        plan = cls(
            api_pods=number(env, "BELLWIRE_API_PODS", 2, 1, MOST_PODS, wrong),
            gateway_pods=number(env, "BELLWIRE_GATEWAY_PODS", 3, 1, MOST_PODS, wrong),
            port=number(env, "BELLWIRE_PORT", default_port or 0, 1, 65535, wrong) or None,
            database_url=url(env, "BELLWIRE_DATABASE_URL", ("postgresql://", "postgres://"), wrong),
            redis_url=url(env, "BELLWIRE_REDIS_URL", REDIS_SCHEMES, wrong),
            tls=bool(number(env, "TLS", 0, 0, 1, wrong)),
            monitoring=bool(number(env, "MONITORING", 0, 0, 1, wrong)),
        )
        if wrong:
            raise WrongSetting("\n".join(wrong))
        return plan


def number(env: Mapping[str, str], name: str, default: int, least: int, most: int, wrong: list[str]) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    wrong.append(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return default


def url(env: Mapping[str, str], name: str, schemes: tuple[str, ...], wrong: list[str]) -> str | None:
    text = env.get(name, "").strip()
    if text and not text.startswith(schemes):
        # Not repeated: a password may be in it.
        wrong.append(f"{name} must start with {' or '.join(schemes)}.")
    return text or None

"""The names that we use in Redis. The braces keep a tenant's stream and channel in one Cluster slot."""


def stream_key(tenant: str) -> str:
    """The tenant's stream of events, a cache of the newest ones."""
    return f"bellwire:{{{tenant}}}:events"


def live_channel(tenant: str) -> str:
    """The sharded channel on which the tenant's events are announced."""
    return f"bellwire:{{{tenant}}}:live"


def signed_channel(tenant: str) -> str:
    """The sharded channel of the same announcements with their signatures, for pods that have a secret."""
    return f"bellwire:{{{tenant}}}:signed"


def tenant_of_channel(channel: str) -> str:
    """The tenant whose `live_channel` or `signed_channel` this is."""
    return channel[len("bellwire:{") : channel.rindex("}:")]


def canary_channel(gateway: str) -> str:
    """The channel on which a gateway hears itself, to know that Redis is alive."""
    return f"bellwire:{{canary:{gateway}}}:live"

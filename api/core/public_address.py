"""Which addresses belong to the public internet, so that a webhook may go there. Pure.

An address that is not plainly public is none: private, shared, link-local (cloud metadata), loopback, multicast,
reserved ranges, and IPv6 addresses that carry one of those inside.

Why: docs/decisions/0054-webhook-addresses.md
"""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

HTTPS_PORT = 443
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Versions of Python differ in them, so they are listed: IANA's registries of special addresses as of 2026, and
# what clouds have of their own.
_SPECIAL_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        # Protocol assignments, a cloud's metadata at 192.0.0.192 among them.
        "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        # Relays of 6to4.
        "192.88.99.0/24",
        "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        # Azure's host, for metadata and agents: public by its number, and within every machine there.
        "168.63.129.16/32",
    )
)  # fmt: skip
_SPECIAL_V6 = tuple(
    IPv6Network(text)
    for text in (
        # Protocol assignments, Teredo, benchmarks, ORCHID and drone identifiers among them.
        "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
    )
)  # fmt: skip


def is_public(text: str) -> bool:
    """Whether `text` is an address of the public internet; a text that is no address is not.

    >>> is_public("8.8.8.8")
    True
    >>> is_public("::ffff:10.0.0.1")
    False
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    inner = _carried(address)
    if inner is not None:
        return _is_public_v4(inner)
    if any(address in network for network in _SPECIAL_V6):
        return False
    return address in _GLOBAL_UNICAST and address.is_global and address.teredo is None


def may_use_port(port: int, allowed: Collection[int]) -> bool:
    """Whether a webhook may go to this port: 443, and those that the installation lists."""
    return port == HTTPS_PORT or port in allowed


def is_address(text: str) -> bool:
    """Whether `text` is an IP address, written as one."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_public_v4(address: IPv4Address) -> bool:
    if any(address in network for network in _SPECIAL_V4):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which traffic for this one goes: mapped, NAT64, 6to4."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour

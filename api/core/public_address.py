"""Which addresses belong to the public internet, so that a webhook may go there. Pure.

An address that is not plainly public is none: private, shared, link-local (cloud metadata), loopback, multicast,
reserved ranges, and IPv6 addresses that carry one of those inside.

Why: docs/decisions/0054-webhook-addresses.md
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


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
    return address in _GLOBAL_UNICAST and address.is_global and address.teredo is None


def is_address(text: str) -> bool:
    """Whether `text` is an IP address, written as one."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which traffic for this one goes: mapped, NAT64, 6to4."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour

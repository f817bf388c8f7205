"""The host behind an address, as far as counting goes. Pure."""

import ipaddress

HOST_BITS = 64
"""A host that has one IPv6 address has all of its /64."""


def counted_as(address: str) -> str:
    """Return what requests from an address are counted under: an IPv4 address itself, an IPv6 one's /64.

    >>> counted_as("2001:db8::1") == counted_as("2001:db8::2")
    True
    >>> counted_as("::ffff:192.0.2.1")
    '192.0.2.1'
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> HOST_BITS << HOST_BITS, HOST_BITS)))

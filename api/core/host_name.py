"""Whether a host's name has a form that can be looked up and be shown to TLS. Pure.

The HTTP client, the resolver and TLS each encode a name, and each fails in its own way where that cannot be done. Here
it is decided before any of them is asked.
"""

import re

import idna

MOST_OF_A_NAME = 253
MOST_OF_A_LABEL = 63
# An underscore is no letter of a host's name, and stands in names of private networks all the same.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_ENCODED = "xn--"


def fault_of_name(host: str) -> str | None:
    """Return what is wrong with a host's name in lower case and in ASCII, as a predicate; None when nothing is.

    >>> fault_of_name("shop.example.com.")
    >>> fault_of_name("a.b..c")
    'must name a host without an empty part'
    """
    name = host.removesuffix(".")
    labels = name.split(".")
    if not name:
        return "must name a host"
    if "" in labels:
        return "must name a host without an empty part"
    if max(map(len, labels)) > MOST_OF_A_LABEL:
        return f"must name a host whose parts have at most {MOST_OF_A_LABEL} characters"
    if len(name) > MOST_OF_A_NAME:
        return f"must name a host of at most {MOST_OF_A_NAME} characters"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "must name a host"
    if any(label.startswith(_ENCODED) for label in labels):
        try:
            idna.decode(name)
        except idna.IDNAError:
            return "must name a host whose encoded parts (xn--) can be decoded"
    return None

"""A tenant's name in URLs, keys and events.

Why: docs/decisions/0002-slug-is-identity.md
"""

import re

SLUG_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
_TEST_SLUGS = ("test-", "verify-", "load-")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


def is_slug(text: str) -> bool:
    """Whether `text` can be a tenant's slug.

    >>> is_slug("kitchen-2")
    True
    >>> is_slug("Kitchen")
    False
    """
    return _SLUG.fullmatch(text) is not None


def is_test_slug(slug: str) -> bool:
    """Whether a test tenant may have this slug; figures of such tenants stand apart, and no alert counts them."""
    return slug.startswith(_TEST_SLUGS)

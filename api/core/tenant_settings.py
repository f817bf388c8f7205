"""The limits of a tenant's settings. Pure."""

MAX_ROLES = 50
_TEST_SLUGS = ("test-", "verify-", "load-")


def is_test_slug(slug: str) -> bool:
    """Whether a test tenant may have this slug."""
    return slug.startswith(_TEST_SLUGS)


def distinct_roles(roles: list[str]) -> list[str]:
    """Return the roles as they are.

    Raises:
        ValueError: one is there twice.
    """
    if len(set(roles)) < len(roles):
        raise ValueError("must not name a role twice")
    return roles

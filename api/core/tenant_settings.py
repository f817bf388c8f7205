"""The limits of a tenant's settings. Pure."""

MAX_ROLES = 50


def distinct_roles(roles: list[str]) -> list[str]:
    """Return the roles as they are.

    Raises:
        ValueError: one is there twice.
    """
    if len(set(roles)) < len(roles):
        raise ValueError("must not name a role twice")
    return roles

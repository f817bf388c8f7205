"""The event log: PostgreSQL holds it, Redis wakes and caches."""

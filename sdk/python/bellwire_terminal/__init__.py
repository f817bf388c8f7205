"""A till for Bellwire that cannot get it wrong."""

"""Somebody who has Redis' password, and not the pods' secret."""

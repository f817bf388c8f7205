"""Faults on real processes: a cluster of its own under load, one fault a row, and what `bellwire verify` says to it."""

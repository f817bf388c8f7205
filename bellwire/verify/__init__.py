"""`bellwire verify`: prove from outside that a cluster keeps its promise.

Knows the public contract and nothing of the server. Notes are taken while the cluster is under load (and, if somebody
sees to that, under faults); a pure judge compares them afterwards.
"""

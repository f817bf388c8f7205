"""The gateway's ways in for terminals: who may come in, and how a stream begins."""

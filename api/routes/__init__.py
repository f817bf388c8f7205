"""The routes: one module a noun. A route admits, reads, hands over, answers; it decides nothing."""

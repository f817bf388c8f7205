"""Webhooks, the door that knocks at somebody else's: sign a message, carry it there, and nowhere else."""

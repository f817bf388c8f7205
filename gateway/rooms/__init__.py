"""A tenant's sessions on this gateway: where each stands, what it acked, what is written behind."""

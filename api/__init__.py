"""API pods: take requests, commit them to PostgreSQL, announce them. Never imports `gateway`."""

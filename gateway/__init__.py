"""Gateway pods: hold the terminals' sockets and push their tenants' logs to them. Never imports `api`."""

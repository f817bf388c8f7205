"""PostgreSQL: one module a noun, the SQL above the function that runs it, one statement a call."""

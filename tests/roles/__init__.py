"""Database roles: each kind of pod may do what it does, and nothing else."""

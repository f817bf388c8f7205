"""What a load test knows without a clock, a socket or chance: shapes, ledgers, figures, the verdict, the report."""

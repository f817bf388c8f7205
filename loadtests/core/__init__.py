"""The part of a load test without a clock, a socket or chance: shapes, ledgers, figures, the verdict, the report."""

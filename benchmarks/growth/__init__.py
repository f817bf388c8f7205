"""How the cost of each call grows with what is in the database: `python -m benchmarks.growth`."""

"""Benchmarks: `make bench`. Each prints one table and writes JSON to `benchmarks/results/`.

Figures are for comparing within one run; the machine, and whoever shares it, decides the rest.
"""

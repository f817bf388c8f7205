"""`make drill`: what breaks is broken on purpose, before a real Prometheus and a real Alertmanager.

A fault (`drill/faults`) is judged by the alerts that it brings: which are pending and firing, whom Alertmanager told,
when they ended. An exercise (`drill/exercises`) is judged by itself: a restore, secrets that change. Why:
docs/decisions/0150-faults-before-a-real-prometheus.md
"""

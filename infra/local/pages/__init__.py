"""The demo's own pages: the tour, the shop, the wall, and the calls behind them that hold keys and break things.

Served on loopback by the demo's own process, behind its load balancer's address. Why:
docs/decisions/0134-demo-pages.md
"""

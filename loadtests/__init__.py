"""Load for a running cluster, and the question whether its promise holds under it: see locustfile.py."""

"""The terminals of a load test: a crowd, and a few probes, each in a process of their own."""

"""The cluster on one machine: real servers, pods and the load balancer as child processes of one supervisor.

Used by the demo and by the tests. Nothing here runs in production.
"""

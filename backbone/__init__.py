"""What the API pods and the gateway pods share: the contract, the event log and the runtime.

Imports neither `api` nor `gateway`.
"""

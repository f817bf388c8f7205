"""The parts that API pods and gateway pods share: the contract, the event log and the runtime.

Imports neither `api` nor `gateway`.
"""

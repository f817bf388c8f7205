"""The faults, in the order of the table. One module each, which has a `FAULT`."""

from drill.fault import Fault
from drill.faults import gateway_killed, redis_frozen

FAULTS: dict[str, Fault] = {module.FAULT.name: module.FAULT for module in (gateway_killed, redis_frozen)}

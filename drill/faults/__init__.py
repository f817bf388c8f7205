"""The faults, in the order of the table. One module each, which has a `FAULT`."""

from drill.fault import Fault
from drill.faults import (
    api_killed,
    api_role_refused,
    apis_gone,
    gateway_frozen,
    gateway_killed,
    haproxy_stopped,
    orders_locked,
    orders_unseen,
    orders_unseen_everywhere,
    postgres_stopped,
    redis_forged,
    redis_frozen,
    release,
    sessions_taken,
    standby_lost,
    terminals_leave,
    test_shop,
    webhook_refused,
    webhooks_waiting,
)

ALL = (
    gateway_killed.FAULT,
    gateway_frozen.FAULT,
    api_killed.FAULT,
    apis_gone.FAULT,
    haproxy_stopped.FAULT,
    redis_frozen.FAULT,
    redis_forged.FAULT,
    postgres_stopped.FAULT,
    api_role_refused.FAULT,
    orders_locked.FAULT,
    sessions_taken.FAULT,
    standby_lost.FAULT,
    orders_unseen.FAULT,
    orders_unseen_everywhere.FAULT,
    terminals_leave.FAULT,
    webhook_refused.FAULT,
    webhooks_waiting.FAULT,
    release.FAULT,
    test_shop.FAULT,
)
FAULTS: dict[str, Fault] = {fault.name: fault for fault in ALL}

"""The choices that a plan is made of besides costs: how full a part may be, how few there are at least, and settings.

None of them was measured. Where one is a setting or stands in our configuration, a test holds the two together.
"""

# A core is planned to be half busy at the peak, so that a shop's event waits for nobody's; Redis is one thread, whose
# line everybody stands in.
BUSY = 0.5
REDIS_BUSY = 0.4
# The least of each, so that one may die or be replaced: PostgreSQL is a primary and two standbys, of which one is
# synchronous (`ANY 1`), Redis a primary and a replica for each shard.
LEAST_PODS = 2
POSTGRES_SERVERS = 3
REDIS_COPIES = 2
# Redis Cluster needs three primaries to vote.
LEAST_SHARDS = 3
MOST_SHARDS = 16
REDIS_GB = 16.0
# The largest server that is assumed to be had; measured were two cores, so beyond them a plan is arithmetic.
POSTGRES_CORES = 32
POSTGRES_GB_A_CORE = 4.0
WAL_BYTES_A_SECOND = 200e6
# infra/haproxy/haproxy.cfg: slots for pods that come from DNS, and open files, two a socket.
SLOTS = 50
HAPROXY_FILES = 131_072
HAPROXY_SOCKETS = 50_000
HAPROXY_TABLES = 150e6
HEARTBEAT_SECONDS = 20.0
# Settings' defaults.
STREAM_EVENTS = 256
RING_EVENTS = 512
API_CONNECTIONS = 26
GATEWAY_CONNECTIONS = 8
DIRECT_CONNECTIONS = 400
TENANT_TERMINALS = 10_000
# Beside the bytes of an event in a gateway's ring: its objects.
RING_OVERHEAD = 250.0
API_BYTES = 256e6
GATEWAY_BYTES = 128e6
REDIS_BYTES = 64e6

"""Redis, which makes it fast, and HAProxy, which is the door."""

from infra.monitoring.panels import RATE, Board, Panel, Query, Row, Variable, rate, within

EXPORTED = 'job="bellwire-redis"'
DOOR = 'job="bellwire-haproxy"'
PROXY = 'proxy=~"$proxy"'
DOWN = 'state="DOWN"'
PROXIES = Variable("proxy", "Part of HAProxy", f"label_values(haproxy_backend_status{{{DOOR}}}, proxy)")


def redis(metric: str) -> str:
    return within(metric, EXPORTED)


def door(metric: str, *of: str) -> str:
    return within(metric, DOOR, *of)


REDIS = Row(
    "Redis, as the pods see it",
    (
        Panel(
            "Redis",
            "Which pods reach it: 1 or 0. Without it nothing is lost, but deliveries take a second.",
            "short",
            (Query("bellwire_redis_up", "{{job}} {{instance}}"),),
            least=1,
            highest=1,
            alerts=("BellwireRedisDown",),
        ),
        Panel(
            "Published to Redis",
            "The outcome of each publish after its commit. A failed one is healed by the head check.",
            "cps",
            (Query(rate("bellwire_events_published_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Redis refused",
            "Messages and entries from Redis that no pod signed. None is shown; PostgreSQL has the truth.",
            "cps",
            (Query(rate("bellwire_redis_refused_total", "way", "reason"), "{{way}} {{reason}}"),),
            alerts=("BellwireRedisForged", "BellwireRedisUnsigned"),
        ),
    ),
)

SERVER = Row(
    "Redis, as its exporter sees it",
    (
        Panel(
            "Memory of Redis",
            "In use, and as much as it may have where a limit is set: at it, publishes fail.",
            "bytes",
            (
                Query(redis("redis_memory_used_bytes"), "used, {{instance}}"),
                Query(redis("redis_memory_max_bytes"), "limit, {{instance}} (0: none)"),
            ),
            alerts=("BellwireRedisMemory",),
        ),
        Panel(
            "Clients of Redis",
            "Connections, and as many as it takes.",
            "short",
            (
                Query(redis("redis_connected_clients"), "{{instance}}"),
                Query(redis("redis_config_maxclients"), "most, {{instance}}"),
            ),
        ),
        Panel(
            "Connections that Redis refused",
            "Its maxclients was reached; in 15 minutes.",
            "short",
            (Query(f"increase({redis('redis_rejected_connections_total')}[15m])", "{{instance}}"),),
            limit=1,
            alerts=("BellwireRedisRefusesConnections",),
        ),
        Panel(
            "Commands of Redis",
            "By command.",
            "cps",
            (Query(rate("redis_commands_total", "cmd", of=(EXPORTED,)), "{{cmd}}"),),
        ),
        Panel(
            "CPU of Redis",
            "Cores in use; Redis has one for its commands.",
            "none",
            (
                Query(
                    f"rate({redis('redis_cpu_user_seconds_total')}[{RATE}]) + "
                    f"rate({redis('redis_cpu_sys_seconds_total')}[{RATE}])",
                    "{{instance}}",
                ),
            ),
            limit=0.8,
        ),
        Panel(
            "Traffic of Redis",
            "Bytes in and out.",
            "Bps",
            (
                Query(f"rate({redis('redis_net_input_bytes_total')}[{RATE}])", "in, {{instance}}"),
                Query(f"rate({redis('redis_net_output_bytes_total')}[{RATE}])", "out, {{instance}}"),
            ),
        ),
        Panel(
            "Streams kept",
            "Keys: a stream for each tenant with an event within a day. Evicted ones were read from PostgreSQL.",
            "short",
            (
                Query(f"sum by (instance) ({redis('redis_db_keys')})", "keys, {{instance}}"),
                Query(
                    f"increase({redis('redis_evicted_keys_total')}[15m])", "evicted in 15 min, {{instance}}"
                ),
            ),
        ),
    ),
)

BALANCER = Row(
    "HAProxy",
    (
        Panel(
            "Servers that take work",
            "As HAProxy sees them; with none its callers get 503.",
            "short",
            (Query(door("haproxy_backend_active_servers", PROXY), "{{proxy}} at {{instance}}"),),
            alerts=("BellwireBalancerWithoutServers",),
        ),
        Panel(
            "Servers down",
            "That failed their health check.",
            "short",
            (
                Query(
                    f"sum by (proxy, server) ({door('haproxy_server_status', PROXY, DOWN)})",
                    "{{proxy}}/{{server}}",
                ),
            ),
            limit=1,
            alerts=("BellwireBalancerServersDown",),
        ),
        Panel(
            "Requests at the door",
            "By the part of HAProxy that they are given to.",
            "reqps",
            (
                Query(
                    rate("haproxy_backend_http_requests_total", "proxy", of=(DOOR, PROXY)),
                    "{{proxy}}",
                ),
            ),
        ),
        Panel(
            "Answers at the door",
            "By class of status; a WebSocket that was opened is 1xx.",
            "reqps",
            (
                Query(
                    rate("haproxy_backend_http_responses_total", "proxy", "code", of=(DOOR, PROXY)),
                    "{{proxy}} {{code}}",
                ),
            ),
        ),
        Panel(
            "5xx of HAProxy itself",
            "Answers that no server gave: there was none, or it did not answer.",
            "reqps",
            (Query("proxy:bellwire_balancer_failed:rate5m", "{{proxy}}"),),
            alerts=("BellwireBalancerFailing",),
        ),
        Panel(
            "Connections of HAProxy",
            "Now, and as many as it may have.",
            "short",
            (
                Query(door("haproxy_process_current_connections"), "now, {{instance}}"),
                Query(door("haproxy_process_max_connections"), "most, {{instance}}"),
            ),
            alerts=("BellwireBalancerFull",),
        ),
        Panel(
            "Sessions by server",
            "How evenly the tenants lie: a gateway that has far more than the others has a big tenant.",
            "short",
            (Query(door("haproxy_server_current_sessions", PROXY), "{{proxy}}/{{server}}"),),
        ),
        Panel(
            "Requests that wait in HAProxy",
            "For a server that has as many as it may have.",
            "short",
            (Query(door("haproxy_backend_current_queue", PROXY), "{{proxy}}"),),
        ),
        Panel(
            "Time to connect, and to the answer's head",
            "The mean of HAProxy's last 1,024 requests; long polls and streams are among them at the API and gateways.",
            "s",
            (
                Query(door("haproxy_backend_connect_time_average_seconds", PROXY), "connect, {{proxy}}"),
                Query(door("haproxy_backend_response_time_average_seconds", PROXY), "answer, {{proxy}}"),
            ),
        ),
        Panel(
            "Tried again elsewhere",
            "Requests whose server did not take them: tried once more, or given to another one.",
            "cps",
            (
                Query(
                    rate("haproxy_backend_retry_warnings_total", "proxy", of=(DOOR, PROXY)),
                    "again, {{proxy}}",
                ),
                Query(
                    rate("haproxy_backend_redispatch_warnings_total", "proxy", of=(DOOR, PROXY)),
                    "elsewhere, {{proxy}}",
                ),
            ),
        ),
        Panel(
            "Refused at the door",
            "Connections and requests that a limit refused, before a pod saw them.",
            "cps",
            (
                Query(
                    rate("haproxy_frontend_requests_denied_total", "proxy", of=(DOOR,)),
                    "requests, {{proxy}}",
                ),
                Query(
                    rate("haproxy_frontend_denied_connections_total", "proxy", of=(DOOR,)),
                    "connections, {{proxy}}",
                ),
            ),
        ),
        Panel(
            "Tables of addresses and keys",
            "The share of each stick table that is taken; a full one forgets the oldest.",
            "percentunit",
            (
                Query(
                    f"{door('haproxy_sticktable_used')} / {door('haproxy_sticktable_size')}",
                    "{{name}}, {{instance}}",
                ),
            ),
            limit=0.9,
            highest=1,
        ),
        Panel(
            "Idle time of HAProxy",
            "At 0 % it is at its CPU's end.",
            "percent",
            (Query(door("haproxy_process_idle_time_percent"), "{{instance}}"),),
            least=20,
            highest=100,
        ),
        Panel(
            "Traffic of HAProxy",
            "Bytes out.",
            "Bps",
            (
                Query(
                    f"rate({door('haproxy_process_bytes_out_total')}[{RATE}])",
                    "{{instance}}",
                ),
            ),
        ),
    ),
)

REDIS_AND_BALANCER = Board(
    "redis-and-balancer",
    "Bellwire: Redis and balancer",
    "Redis, which makes deliveries fast, and HAProxy, the door.",
    (REDIS, SERVER, BALANCER),
    (PROXIES,),
)

"""The gateways: who is connected, how fast events come to them, what is healed, and what a pod has left."""

from infra.monitoring.panels import (
    CHOSEN,
    GATEWAYS,
    SHOPS,
    SHOPS_CHOICE,
    Board,
    Panel,
    Query,
    Row,
    increase,
    process,
    quantile,
    rate,
    share_within,
    within,
)

DELIVERY = "bellwire_gateway_delivery_seconds"
HEAD_CHECK = "bellwire_gateway_head_check_timestamp_seconds"

CONNECTIONS = Row(
    "Connections",
    (
        Panel(
            "Connections by pod",
            "Open connections of terminals. A drain shows as one line falling and the others rising by as much.",
            "short",
            (Query(f"sum by (instance) ({within('bellwire_gateway_connections', CHOSEN)})", "{{instance}}"),),
            alerts=("BellwireTerminalsLost",),
        ),
        Panel(
            "Connections by transport",
            "WebSockets and streams of server-sent events; those of test shops are among them, and drawn apart.",
            "short",
            (
                Query(
                    f"sum by (transport) ({within('bellwire_gateway_connections', CHOSEN)})", "{{transport}}"
                ),
                Query(f"sum({within('bellwire_gateway_test_connections', CHOSEN)})", "of test shops"),
            ),
        ),
        Panel(
            "Closes by code",
            "1000 and 1001 are ordinary, 1006 an end without a word, 1012 a drain, 4408 a till that does not read, "
            "4409 one that came twice, 1011 our bug.",
            "cps",
            (Query(rate("bellwire_gateway_closed_total", "code", of=(CHOSEN,)), "{{code}}"),),
        ),
        Panel(
            "Handshakes refused",
            "By HTTP status: 401 a key that is none, 403 a kind of key or a shop that is off, 503 no room.",
            "cps",
            (Query(rate("bellwire_gateway_handshakes_refused_total", "status", of=(CHOSEN,)), "{{status}}"),),
        ),
        Panel(
            "Handshakes that wait",
            "Handshakes that wait for their turn: a crowd is coming in.",
            "short",
            (Query(within("bellwire_gateway_handshakes_waiting", CHOSEN), "{{instance}}"),),
        ),
        Panel(
            "Handshakes answered with 429",
            "By what was exceeded: a key, a shop, an address.",
            "cps",
            (Query(rate("bellwire_gateway_limited_total", "limit", of=(CHOSEN,)), "{{limit}}"),),
        ),
        Panel(
            "Too slow to keep up",
            "Connections closed because their terminal took nothing, in 15 minutes; those of test shops among them.",
            "short",
            (
                Query(
                    increase("bellwire_gateway_slow_closed_total", "15m", "instance", of=(CHOSEN,)),
                    "{{instance}}",
                ),
                Query(
                    increase("bellwire_gateway_test_slow_closed_total", "15m", of=(CHOSEN,)),
                    "of test shops",
                ),
            ),
            alerts=("BellwireTerminalsSlow",),
        ),
        Panel(
            "Tickets",
            "Tickets of pages that were brought: used for a place in a stream, or refused.",
            "cps",
            (Query(rate("bellwire_gateway_tickets_total", "outcome", of=(CHOSEN,)), "{{outcome}}"),),
        ),
        Panel(
            "Draining",
            "1 while a gateway sends its terminals elsewhere.",
            "short",
            (Query(within("bellwire_gateway_draining", CHOSEN), "{{instance}}"),),
        ),
    ),
)

DELIVERIES = Row(
    "Deliveries",
    (
        Panel(
            "Commit to socket by pod",
            "The 99th of a hundred live deliveries of each gateway; one line above the others is one slow pod.",
            "s",
            (Query(quantile(0.99, DELIVERY, "instance", of=(SHOPS, CHOSEN)), "{{instance}}"),),
            limit=0.1,
            alerts=("BellwireDeliverySlow", "BellwireDeliverySlowing"),
        ),
        Panel(
            "Within 25, 100 and 250 ms",
            "The share of live deliveries up to each bound.",
            "percentunit",
            tuple(
                Query(share_within(bound, DELIVERY, SHOPS, CHOSEN), f"{words} ms")
                for bound, words in (("0.025", "25"), ("0.1", "100"), ("0.25", "250"))
            ),
            lowest=None,
            highest=1,
        ),
        Panel(
            "Delivered by pod",
            "Events handed to connections.",
            "cps",
            (Query(rate("bellwire_gateway_deliveries_total", "instance", of=(CHOSEN,)), "{{instance}}"),),
        ),
        Panel(
            "Tenants followed",
            "Tenants with a connection here; one on two gateways costs a subscription on each.",
            "short",
            (Query(within("bellwire_gateway_tenants", CHOSEN), "{{instance}}"),),
        ),
    ),
)

HEALING = Row(
    "Healing",
    (
        Panel(
            "Behind PostgreSQL",
            "For how long the tenant that waits longest has lacked events of PostgreSQL here. A second is ordinary "
            "while Redis is away; one that grows is a gateway that does not get them.",
            "s",
            (
                Query(
                    f"max by (instance) ({within('bellwire_gateway_behind_seconds', CHOSEN)})", "{{instance}}"
                ),
            ),
            limit=10,
            alerts=("BellwireGatewayBehind",),
        ),
        Panel(
            "Age of the last head check",
            "Each gateway compares itself with PostgreSQL once a second. One that compares nothing heals nothing.",
            "s",
            (
                Query(
                    f"time() - max by (instance) ({within(HEAD_CHECK, CHOSEN)} > 0)",
                    "{{instance}}",
                ),
            ),
            limit=30,
            alerts=("BellwireHeadChecksStopped",),
        ),
        Panel(
            "Missing at the last head check",
            "Events that the comparison found missing, at one instant of each second: the next one may have found them "
            "all. *Behind PostgreSQL* says for how long.",
            "short",
            (
                Query(
                    f"max by (instance) ({within('bellwire_gateway_head_check_lag_events', CHOSEN)})",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Gaps healed",
            "Holes in the live feed, by what closed them; wait is a message that came in time after all.",
            "cps",
            (Query(rate("bellwire_gateway_gaps_total", "healed_by", of=(CHOSEN,)), "{{healed_by}}"),),
            alerts=("BellwireGapsFrequent",),
        ),
        Panel(
            "Replayed events by source",
            "Events given to reconnecting tills: ring is cheapest, postgres was asked late.",
            "cps",
            (Query(rate("bellwire_gateway_replayed_events_total", "source", of=(CHOSEN,)), "{{source}}"),),
        ),
        Panel(
            "Pages of history read",
            "Range reads for terminals that lagged, by store.",
            "cps",
            (Query(rate("bellwire_gateway_history_pages_total", "source", of=(CHOSEN,)), "{{source}}"),),
        ),
        Panel(
            "Resets",
            "Terminals that were told to begin anew, by reason: their offset is older than what is kept, or of another "
            "epoch.",
            "cps",
            (Query(rate("bellwire_gateway_resets_total", "reason", of=(CHOSEN,)), "{{reason}}"),),
        ),
        Panel(
            "Tenants not heard",
            "Tenants whose live channel cannot be trusted now: their heads are compared more often.",
            "short",
            (Query(within("bellwire_gateway_unheard_tenants", CHOSEN), "{{instance}}"),),
        ),
        Panel(
            "Keys that two devices use",
            "Terminals whose connections keep replacing each other: the key was copied. Each device needs its own.",
            "short",
            (Query("max(bellwire_shared_keys)", "terminals"),),
        ),
    ),
)

GATEWAYS_BOARD = Board(
    "gateways",
    "Bellwire: gateways",
    "Connections, deliveries and healing, pod by pod.",
    (CONNECTIONS, DELIVERIES, HEALING, Row("The pods", process("bellwire-gateway"))),
    (GATEWAYS, SHOPS_CHOICE),
)

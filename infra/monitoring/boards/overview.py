"""The overview: are the promises kept, is every order seen, is everything there? The first page of whoever is paged."""

from infra.monitoring.panels import (
    SHOPS,
    SHOPS_CHOICE,
    Board,
    Panel,
    Query,
    Row,
    increase,
    quantile,
    rate,
    share_within,
)
from infra.monitoring.service_levels import LEVELS

DELIVERY = "bellwire_gateway_delivery_seconds"


def burn(window: str) -> tuple[Query, ...]:
    """For each promise, how many times as fast as its budget allows bad events come."""
    return tuple(
        Query(f'bellwire:slo_bad:ratio_rate{window}{{slo="{level.name}"}} / {level.budget}', level.name)
        for level in LEVELS
    )


PROMISES = Row(
    "Promises",
    (
        Panel(
            "Budget left",
            "The share of each month's budget that would be left if all days were like the last three; below 0 it does "
            "not last. Test shops count nowhere here.",
            "percentunit",
            (Query("bellwire:slo_budget_left:ratio3d", "{{slo}}"),),
            least=0,
            kind="stat",
            lowest=None,
        ),
        Panel(
            "Burn rate of an hour",
            "How many times as fast as the budget allows: 1 lasts the month, 14.4 is gone in two days and pages.",
            "none",
            burn("1h"),
            limit=14.4,
            alerts=tuple(level.page for level in LEVELS),
        ),
        Panel(
            "Burn rate of five minutes",
            "The same of the last five minutes: while it is low, it burns no more.",
            "none",
            burn("5m"),
            limit=14.4,
            alerts=tuple(level.ticket for level in LEVELS),
        ),
        Panel(
            "Bad events",
            "Events a second that broke a promise: deliveries over 100 ms, orders past their deadline, answers with "
            "a 5xx, answers over 250 ms.",
            "cps",
            (Query("bellwire:slo_bad:rate5m", "{{slo}}"),),
        ),
        Panel(
            "Commit to socket",
            "Live deliveries, from the commit in PostgreSQL to the write on the till's socket. "
            "The promise is 100 ms for 99.9 % of them.",
            "s",
            (
                Query(quantile(0.5, DELIVERY, of=(SHOPS,)), "p50"),
                Query(quantile(0.99, DELIVERY, of=(SHOPS,)), "p99"),
            ),
            limit=0.1,
            alerts=("BellwireDeliverySlow", "BellwireDeliverySlowing"),
        ),
        Panel(
            "Delivered within 100 ms",
            "The share of live deliveries that kept the promise, as the promise counts them.",
            "percentunit",
            (Query(share_within("0.1", DELIVERY, SHOPS), "within 100 ms"),),
            least=0.999,
            lowest=None,
            highest=1,
        ),
    ),
)

ORDERS = Row(
    "Are orders seen?",
    (
        Panel(
            "Orders nobody has seen",
            "Online orders past their deadline that no till has acked, test shops left out. Fresh: within the last "
            "hour; old ones are in no alert any more.",
            "short",
            (Query("max by (age) (bellwire_unseen_orders)", "{{age}}"),),
            limit=1,
            alerts=("BellwireOrdersUnseen",),
        ),
        Panel(
            "Shops with unseen orders",
            "With fresh ones. Five or more at once are not the shops' own fault.",
            "short",
            (Query("max(bellwire_unseen_shops)", "shops"),),
            limit=5,
            alerts=("BellwireOrdersUnseenInManyShops",),
        ),
        Panel(
            "Orders and late orders",
            "Orders that somebody has to see, and those that nobody saw in time, whether seen later or never.",
            "cps",
            (
                Query(rate("bellwire_orders_to_see_total"), "to see"),
                Query(rate("bellwire_orders_late_total"), "late"),
            ),
            alerts=("BellwireOrdersLate", "BellwireOrdersLateOften"),
        ),
        Panel(
            "Acks within a second, five, thirty",
            "Of the orders that were acked at all, test shops too: how soon the first ack that counts came. An order "
            "that nobody ever acks is not in here; it is among the late ones.",
            "percentunit",
            tuple(
                Query(share_within(bound, "bellwire_ack_seconds"), f"within {words}")
                for bound, words in (("1.0", "1 s"), ("5.0", "5 s"), ("30.0", "30 s"))
            ),
            lowest=None,
            highest=1,
        ),
        Panel(
            "Alarms",
            "Alarms for orders that nobody has seen, by the attempt that told it, and those of them that ended since "
            "somebody saw the order; test shops too.",
            "short",
            (
                Query(increase("bellwire_alarm_attempts_total", "5m", "attempt"), "attempt {{attempt}}"),
                Query(increase("bellwire_alarms_acknowledged_total", "5m"), "seen after all"),
            ),
        ),
        Panel(
            "Orders past their deadline, all shops",
            "Those of test shops with them, of any age.",
            "short",
            (Query("max(bellwire_unacked_orders)", "unseen"),),
        ),
    ),
)

EVENTS = Row(
    "Events and terminals",
    (
        Panel(
            "Committed",
            "Facts that PostgreSQL holds, by kind.",
            "cps",
            (Query(rate("bellwire_events_committed_total", "type"), "{{type}}"),),
        ),
        Panel(
            "Delivered to sockets",
            "Events handed to connections, by transport.",
            "cps",
            (Query(rate("bellwire_gateway_deliveries_total", "transport"), "{{transport}}"),),
        ),
        Panel(
            "Terminals connected",
            "Those of real shops, and as many as are usual; below half of that it is an alarm.",
            "short",
            (
                Query("cluster:bellwire_gateway_connections:sum", "connected"),
                Query("cluster:bellwire_gateway_connections:usual", "usual"),
            ),
            alerts=("BellwireTerminalsLost",),
        ),
    ),
)

GROUND = Row(
    "The ground it stands on",
    (
        Panel(
            "Alerts that fire",
            "By what they ask for: a page may be an order that stands still.",
            "short",
            tuple(
                Query(
                    f'count(ALERTS{{alertstate="firing",severity="{severity}"}}) or vector(0)', f"{severity}s"
                )
                for severity in ("page", "ticket")
            ),
            limit=1,
            kind="stat",
        ),
        Panel(
            "Pods",
            "Pods and load balancers that answer their scrape, and as many as are usual.",
            "short",
            (
                Query("job:bellwire_pods:up", "{{job}}"),
                Query("job:bellwire_pods:usual", "{{job}}, usual"),
            ),
            alerts=("BellwirePodsMissing", "BellwirePodDown", "BellwireGone"),
        ),
        Panel(
            "Pods without PostgreSQL",
            "Pods that cannot reach it now, by kind. One that begins has not asked yet and counts for none.",
            "short",
            (Query("sum by (job) (bellwire_postgres_up == bool 0)", "{{job}}"),),
            limit=1,
            alerts=("BellwirePostgresDown", "BellwirePodWithoutPostgres"),
        ),
        Panel(
            "Pods without Redis",
            "Without it nothing is lost, but deliveries take a second. One that begins counts for none.",
            "short",
            (Query("sum by (job) (bellwire_redis_up == bool 0)", "{{job}}"),),
            limit=1,
            alerts=("BellwireRedisDown",),
        ),
        Panel(
            "Releases that run",
            "Pods by release and kind: two while a release goes round.",
            "short",
            (Query("count by (job, version) (bellwire_build_info)", "{{job}} {{version}}"),),
        ),
        Panel(
            "Log's epoch",
            "It rises when history forked: a standby without the last events took over, or a backup was restored.",
            "short",
            (Query("max(bellwire_log_epoch)", "epoch"),),
        ),
    ),
)

OVERVIEW = Board(
    "overview",
    "Bellwire: overview and promises",
    "Is every order on a till, and how fast? The promises with their budgets, and everything that they stand on.",
    (PROMISES, ORDERS, EVENTS, GROUND),
    (SHOPS_CHOICE,),
)

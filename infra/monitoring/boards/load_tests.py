"""Load tests: what is asked for, how long it takes to each door, which promises broke, and what the load test costs.

Its figures are those that `bellwire-load run --metrics-port` exports, beside the cluster's own about test shops.
"""

from infra.monitoring.panels import Board, Panel, Query, Row, Variable, quantile, rate, share_within, within

SECONDS = "bellwire_load_seconds"
PROFILES = Variable("profile", "Profile", "label_values(bellwire_load_info, profile)")
# A run's figures are of the process that exports them; its profile is told by one metric beside the others.
OF = 'and on (instance) bellwire_load_info{profile=~"$profile"}'
ORDERS = 'row=~"POST orders/create( .aggregator.)?"'


def chosen(expr: str) -> str:
    """Of runs of the chosen profiles alone."""
    return f"({expr}) {OF}"


def arrivals(q: float, people: str) -> str:
    """Order to terminal, by door."""
    return chosen(quantile(q, SECONDS, "instance", "row", of=(f'row=~"EVENT order → [a-z]+ .{people}."',)))


COURSE = Row(
    "The course",
    (
        Panel(
            "Promises broken",
            "Since the run began: lost, repeated, out of order, of another shop, a false receipt and so on. One is one "
            "too many, whatever the times are.",
            "short",
            (Query(chosen(f"sum by (instance) ({within('bellwire_load_faults_total')})"), "broken"),),
            limit=1,
            kind="stat",
        ),
        Panel(
            "Orders asked for and accepted",
            "Accepted below asked for is a cluster, or a load test, that cannot follow.",
            "cps",
            (
                Query(chosen("sum by (instance) (bellwire_load_asked_orders)"), "asked for"),
                Query(chosen(rate(f"{SECONDS}_count", "instance", of=(ORDERS,))), "accepted"),
            ),
        ),
        Panel(
            "Terminals connected",
            "Of the load test, by the process that has them: the crowd, and the probes that measure.",
            "short",
            (Query(chosen("sum by (instance, part) (bellwire_load_terminals)"), "{{part}}"),),
        ),
    ),
)

TIMES = Row(
    "Order to terminal",
    (
        Panel(
            "Probes, 99th of a hundred",
            "From the moment that an order was sent first to the arrival of its bytes at a probe, by door.",
            "s",
            (Query(arrivals(0.99, "probe"), "{{row}}"),),
            limit=0.1,
        ),
        Panel(
            "Probes, median",
            "The same in the median.",
            "s",
            (Query(arrivals(0.5, "probe"), "{{row}}"),),
        ),
        Panel(
            "Crowd, 99th of a hundred",
            "At the crowd, whose process gives way to the probes': where it is slower than these, it was busy itself.",
            "s",
            (Query(arrivals(0.99, "crowd"), "{{row}}"),),
        ),
        Panel(
            "The pods' own: within 100 ms",
            "The share of live deliveries to test shops, commit to socket write, as the gateways count them.",
            "percentunit",
            (
                Query(
                    share_within("0.1", "bellwire_gateway_delivery_seconds", 'test="true"'),
                    "within 100 ms",
                ),
            ),
            lowest=None,
            highest=1,
        ),
        Panel(
            "Answers to orders, 99th of a hundred",
            "Request to answer, of the attempt that decided.",
            "s",
            (Query(chosen(quantile(0.99, SECONDS, "instance", "row", of=(ORDERS,))), "{{row}}"),),
        ),
        Panel(
            "Alarms after their deadline",
            "In the shop that nobody watches: an alarm comes within two seconds of its moment.",
            "s",
            (
                Query(
                    chosen(
                        quantile(0.99, SECONDS, "instance", of=('row="EVENT alarm, after its deadline"',))
                    ),
                    "99th of a hundred",
                ),
            ),
            limit=2.5,
        ),
    ),
)

WRONG = Row(
    "Promises broken and calls that failed",
    (
        Panel(
            "Broken promises by kind",
            "Since the run began; each kind is there from the begin, at 0.",
            "short",
            (Query(chosen("sum by (instance, kind) (bellwire_load_faults_total)"), "{{kind}}"),),
            limit=1,
        ),
        Panel(
            "Failures",
            "Requests that were never decided, and connections that came to nothing, by row.",
            "cps",
            (Query(chosen(rate("bellwire_load_failures_total", "instance", "row")), "{{row}}"),),
        ),
        Panel(
            "Ways back",
            "From the end of a connection to being up to date again, with everything that was missed.",
            "s",
            (
                Query(
                    chosen(quantile(0.99, SECONDS, "instance", "row", of=('row=~"DOOR away .*"',))), "{{row}}"
                ),
            ),
        ),
    ),
)

ITSELF = Row(
    "The load test itself",
    (
        Panel(
            "Orders that left late",
            "How long after its moment an order was sent. Where this is long, the times above are the load test's.",
            "s",
            (
                Query(
                    chosen(
                        quantile(0.99, SECONDS, "instance", of=('row="LOAD order sent after its moment"',))
                    ),
                    "99th of a hundred",
                ),
            ),
            limit=0.05,
        ),
        Panel(
            "Late by itself",
            "How late the processes of terminals are for themselves, as they look once a second.",
            "s",
            (
                Query(
                    chosen(quantile(0.99, SECONDS, "instance", "row", of=('row=~"LOAD late by itself .*"',))),
                    "{{row}}",
                ),
            ),
        ),
        Panel(
            "CPU of the load test",
            "Cores; each of its processes has one at most.",
            "none",
            (Query(chosen("sum by (instance, part) (bellwire_load_cpu_cores)"), "{{part}}"),),
            limit=0.85,
        ),
    ),
)

LOAD_TESTS = Board(
    "load-tests",
    "Bellwire: load tests",
    "A load test while it runs, beside what the pods say about test shops; docs/load-testing.md explains the rows.",
    (COURSE, TIMES, WRONG, ITSELF),
    (PROFILES,),
)

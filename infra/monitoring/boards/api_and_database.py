"""The API and PostgreSQL: requests without probes and long polls, writes, webhooks, the database and its servers."""

from infra.monitoring.boards.database import DATABASE, SERVER
from infra.monitoring.panels import (
    APIS,
    CHOSEN,
    ROUTES,
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
from infra.monitoring.service_levels import POLLS, PROBES

REQUESTS, SECONDS = "bellwire_api_requests_total", "bellwire_api_request_seconds"
ROUTE = 'route=~"$route"'
OURS = 'status=~"5.."'
ASKED = (CHOSEN, SHOPS, ROUTE, PROBES)
QUICK = (CHOSEN, SHOPS, ROUTE, POLLS)

HTTP = Row(
    "Requests",
    (
        Panel(
            "Requests by route",
            "The requests of storefronts, tills and operators; probes and scrapes are left out.",
            "reqps",
            (Query(rate(REQUESTS, "method", "route", of=ASKED), "{{method}} {{route}}"),),
        ),
        Panel(
            "Answers by status",
            "4xx is the callers' side, 5xx is ours.",
            "reqps",
            (Query(rate(REQUESTS, "status", of=ASKED), "{{status}}"),),
        ),
        Panel(
            "Share of 5xx",
            "The promise is 0.05 % over a month.",
            "percentunit",
            (
                Query(
                    f"({rate(REQUESTS, of=(*ASKED, OURS))} or vector(0)) / {rate(REQUESTS, of=ASKED)}",
                    "5xx",
                ),
            ),
            limit=0.0005,
            alerts=("BellwireApiFailing", "BellwireApiFailingOften"),
        ),
        Panel(
            "Request time",
            "From the request's head to the last byte of the answer; probes and long polls are left out.",
            "s",
            (
                Query(quantile(0.5, SECONDS, of=QUICK), "p50"),
                Query(quantile(0.99, SECONDS, of=QUICK), "p99"),
            ),
            limit=0.25,
            alerts=("BellwireApiSlow", "BellwireApiSlowing"),
        ),
        Panel(
            "Request time by route",
            "The 99th of a hundred, route by route.",
            "s",
            (Query(quantile(0.99, SECONDS, "route", of=QUICK), "{{route}}"),),
            limit=0.25,
        ),
        Panel(
            "Answered within 250 ms",
            "As the promise counts it: 99 % of a month.",
            "percentunit",
            (Query(share_within("0.25", SECONDS, *QUICK), "within 250 ms"),),
            least=0.99,
            lowest=None,
            highest=1,
        ),
        Panel(
            "Long polls answered",
            "Requests that wait for events; they take as long as nothing happens.",
            "reqps",
            (
                Query(
                    rate(REQUESTS, "status", of=(CHOSEN, SHOPS, 'route="/api/tenant/{tenant}/events"')),
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "Answered with 429",
            "By what was exceeded: a key, a shop, an address, guesses, requests at once.",
            "reqps",
            (Query(rate("bellwire_api_limited_total", "limit", of=(CHOSEN,)), "{{limit}}"),),
        ),
        Panel(
            "Requests under way",
            "With a valid key, and an answer that is not taken yet.",
            "short",
            (Query(within("bellwire_api_requests_under_way", CHOSEN), "{{instance}}"),),
        ),
        Panel(
            "Quotas met",
            "Requests refused because their shop has as much of a kind as it may have, in an hour.",
            "short",
            (
                Query(
                    increase("bellwire_api_quota_refused_total", "1h", "quota", of=(CHOSEN,)),
                    "{{quota}}",
                ),
            ),
        ),
        Panel(
            "Readers that were cut",
            "Connections whose reader took nothing (slow), or that had too many bytes waiting in all (room); in 1 h.",
            "short",
            (
                Query(
                    increase("bellwire_readers_cut_total", "1h", "reason", of=(CHOSEN,)),
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Answers that nobody takes",
            "Bytes that readers have not taken for a second.",
            "bytes",
            (Query(within("bellwire_unsent_bytes", CHOSEN), "{{instance}}"),),
        ),
    ),
)

WRITES = Row(
    "Writes and what follows them",
    (
        Panel(
            "Orders a commit",
            "How many orders of one shop shared a commit, of those that waited for each other: a crowd, and cheap.",
            "none",
            (
                Query(
                    f"{rate('bellwire_api_orders_a_commit_sum', of=(CHOSEN,))}"
                    f" / {rate('bellwire_api_orders_a_commit_count', of=(CHOSEN,))}",
                    "orders",
                ),
            ),
        ),
        Panel(
            "Questions for those who poll",
            "Questions to PostgreSQL on behalf of all who wait, by what made them: a wake of Redis, or time.",
            "cps",
            (Query(rate("bellwire_api_head_questions_total", "reason", of=(CHOSEN,)), "{{reason}}"),),
        ),
        Panel(
            "Claims",
            "Answers to terminals that claimed an order, and that said it is done.",
            "cps",
            (
                Query(rate("bellwire_claims_total", "result", of=(CHOSEN,)), "claim: {{result}}"),
                Query(rate("bellwire_claims_done_total", "result", of=(CHOSEN,)), "done: {{result}}"),
            ),
        ),
        Panel(
            "Oddities of orders",
            "Phones that are no number, and money of cancelled orders that a voided card cannot take back; in 1 h.",
            "short",
            (
                Query(increase("bellwire_unreadable_phones_total", "1h", of=(CHOSEN,)), "phones"),
                Query(
                    increase("bellwire_gift_cards_not_returned_total", "1h", of=(CHOSEN,)),
                    "money not returned",
                ),
            ),
        ),
        Panel(
            "Tickets made",
            "For pages that can send no key.",
            "cps",
            (Query(rate("bellwire_tickets_made_total", of=(CHOSEN,)), "tickets"),),
        ),
        Panel(
            "Key look-ups",
            "Keys that were looked up, and the statements that carried them.",
            "cps",
            (
                Query(rate("bellwire_key_lookups_total"), "keys"),
                Query(rate("bellwire_key_statements_total"), "statements"),
            ),
        ),
    ),
)

WEBHOOKS = Row(
    "Webhooks",
    (
        Panel(
            "Webhook deliveries",
            "Attempts at shops' own endpoints, by outcome.",
            "cps",
            (Query(rate("bellwire_webhook_deliveries_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Webhook endpoints that wait or refuse",
            "Waiting: events that they do not take. Refusing: they answered a 4xx twice in a row, of those that "
            "no other try mends.",
            "short",
            (
                Query("max(bellwire_webhooks_waiting)", "wait"),
                Query("max(bellwire_webhooks_refusing)", "refuse"),
            ),
            limit=10,
            alerts=("BellwireWebhookRefused", "BellwireWebhooksWaiting"),
        ),
        Panel(
            "Webhooks' turn is late",
            "By how much the turn of the endpoint that waits longest is late, of those that failed at nothing.",
            "s",
            (Query("max(bellwire_webhooks_late_seconds)", "late"),),
            limit=60,
            alerts=("BellwireWebhooksLate",),
        ),
        Panel(
            "Webhook endpoints switched off",
            "In the last hour, by reason: they said that they are gone, or ten tries in a row failed.",
            "short",
            (Query(increase("bellwire_webhook_switched_off_total", "1h", "reason"), "{{reason}}"),),
            alerts=("BellwireWebhookSwitchedOff",),
        ),
        Panel(
            "Webhook attempts not written down",
            "Attempts that their shops cannot look at, because too many waited to be written; in an hour.",
            "short",
            (Query(increase("bellwire_webhook_attempts_forgotten_total", "1h"), "forgotten"),),
        ),
    ),
)

API_AND_DATABASE = Board(
    "api-and-database",
    "Bellwire: API and database",
    "Requests, writes and webhooks of the API pods, and PostgreSQL behind all of it.",
    (HTTP, WRITES, WEBHOOKS, DATABASE, SERVER, Row("The pods", process("bellwire-api"))),
    (APIS, ROUTES, SHOPS_CHOICE),
)

"""The panels and alerts that use a metric. Written by tests/monitoring/test_metrics_page.py."""

USED_BY: dict[str, tuple[str, ...]] = {
    "bellwire_ack_seconds": (
        "Acks within a second, five, thirty",
    ),
    "bellwire_alarm_attempts_total": (
        "Alarms",
    ),
    "bellwire_alarms_acknowledged_total": (
        "Alarms",
    ),
    "bellwire_api_head_questions_total": (
        "Questions for those who poll",
    ),
    "bellwire_api_limited_total": (
        "Answered with 429",
    ),
    "bellwire_api_orders_a_commit": (
        "Orders a commit",
    ),
    "bellwire_api_quota_refused_total": (
        "Quotas met",
    ),
    "bellwire_api_request_seconds": (
        "Answered within 250 ms",
        "Request time",
        "Request time by route",
        "BellwireApiSlow",
        "BellwireApiSlowing",
    ),
    "bellwire_api_requests_total": (
        "Answers by status",
        "Long polls answered",
        "Requests by route",
        "Share of 5xx",
        "BellwireApiFailing",
        "BellwireApiFailingOften",
    ),
    "bellwire_api_requests_under_way": (
        "Requests under way",
    ),
    "bellwire_build_info": (
        "Releases that run",
    ),
    "bellwire_claims_done_total": (
        "Claims",
    ),
    "bellwire_claims_total": (
        "Claims",
    ),
    "bellwire_events_committed_total": (
        "Committed",
    ),
    "bellwire_events_published_total": (
        "Published to Redis",
    ),
    "bellwire_gateway_behind_seconds": (
        "Behind PostgreSQL",
        "BellwireGatewayBehind",
    ),
    "bellwire_gateway_closed_total": (
        "Closes by code",
    ),
    "bellwire_gateway_connections": (
        "Connections by pod",
        "Connections by transport",
        "BellwireTerminalsLost",
    ),
    "bellwire_gateway_deliveries_total": (
        "Delivered by pod",
        "Delivered to sockets",
    ),
    "bellwire_gateway_delivery_seconds": (
        "Commit to socket",
        "Commit to socket by pod",
        "Delivered within 100 ms",
        "The pods' own: within 100 ms",
        "Within 25, 100 and 250 ms",
        "BellwireDeliverySlow",
        "BellwireDeliverySlowing",
        "BellwireGapsFrequent",
    ),
    "bellwire_gateway_draining": (
        "Draining",
    ),
    "bellwire_gateway_gaps_total": (
        "Gaps healed",
        "BellwireGapsFrequent",
    ),
    "bellwire_gateway_handshakes_refused_total": (
        "Handshakes refused",
    ),
    "bellwire_gateway_handshakes_waiting": (
        "Handshakes that wait",
    ),
    "bellwire_gateway_head_check_lag_events": (
        "Missing at the last head check",
    ),
    "bellwire_gateway_head_check_timestamp_seconds": (
        "Age of the last head check",
        "BellwireHeadChecksStopped",
    ),
    "bellwire_gateway_history_pages_total": (
        "Pages of history read",
    ),
    "bellwire_gateway_limited_total": (
        "Handshakes answered with 429",
    ),
    "bellwire_gateway_replayed_events_total": (
        "Replayed events by source",
    ),
    "bellwire_gateway_resets_total": (
        "Resets",
    ),
    "bellwire_gateway_slow_closed_total": (
        "Too slow to keep up",
        "BellwireTerminalsSlow",
    ),
    "bellwire_gateway_tenants": (
        "Tenants followed",
    ),
    "bellwire_gateway_test_connections": (
        "Connections by transport",
        "BellwireTerminalsLost",
    ),
    "bellwire_gateway_test_slow_closed_total": (
        "Too slow to keep up",
        "BellwireTerminalsSlow",
    ),
    "bellwire_gateway_tickets_total": (
        "Tickets",
    ),
    "bellwire_gateway_unheard_tenants": (
        "Tenants not heard",
    ),
    "bellwire_gift_cards_not_returned_total": (
        "Oddities of orders",
    ),
    "bellwire_key_lookups_total": (
        "Key look-ups",
    ),
    "bellwire_key_statements_total": (
        "Key look-ups",
    ),
    "bellwire_log_epoch": (
        "Log's epoch",
    ),
    "bellwire_orders_late_total": (
        "Orders and late orders",
        "BellwireOrdersLate",
        "BellwireOrdersLateOften",
    ),
    "bellwire_orders_to_see_total": (
        "Orders and late orders",
        "BellwireOrdersLate",
        "BellwireOrdersLateOften",
    ),
    "bellwire_postgres_database_bytes": (
        "Size of the database",
    ),
    "bellwire_postgres_partition_days": (
        "Days of partitions ahead",
        "BellwirePartitionsMissing",
    ),
    "bellwire_postgres_pool_wait_seconds_total": (
        "Statements that wait for a connection",
        "BellwirePoolBusy",
    ),
    "bellwire_postgres_pool_waits_total": (
        "Waits for a connection",
    ),
    "bellwire_postgres_sessions": (
        "Sessions",
        "BellwirePostgresSessions",
    ),
    "bellwire_postgres_sessions_most": (
        "Sessions",
        "BellwirePostgresSessions",
    ),
    "bellwire_postgres_standbys": (
        "Standbys",
        "BellwireStandbyLost",
    ),
    "bellwire_postgres_statements_total": (
        "Statements",
    ),
    "bellwire_postgres_sync_waits": (
        "Commits that wait for a standby",
        "BellwireWritesWaitForStandby",
    ),
    "bellwire_postgres_sync_wanted": (
        "Standbys",
        "BellwireStandbyLost",
    ),
    "bellwire_postgres_up": (
        "Pods without PostgreSQL",
        "PostgreSQL",
        "BellwirePodWithoutPostgres",
        "BellwirePostgresDown",
    ),
    "bellwire_readers_cut_total": (
        "Readers that were cut",
    ),
    "bellwire_redis_refused_total": (
        "Redis refused",
        "BellwireRedisForged",
        "BellwireRedisUnsigned",
    ),
    "bellwire_redis_up": (
        "Pods without Redis",
        "Redis",
        "BellwireRedisDown",
    ),
    "bellwire_schema_ready": (
        "Schema",
    ),
    "bellwire_shared_keys": (
        "Keys that two devices use",
    ),
    "bellwire_task_deaths_total": (
        "Background tasks that died",
        "BellwireTasksDying",
    ),
    "bellwire_tickets_made_total": (
        "Tickets made",
    ),
    "bellwire_unacked_orders": (
        "Orders past their deadline, all shops",
    ),
    "bellwire_unreadable_phones_total": (
        "Oddities of orders",
    ),
    "bellwire_unseen_orders": (
        "Orders nobody has seen",
        "BellwireOrdersUnseen",
    ),
    "bellwire_unseen_shops": (
        "Shops with unseen orders",
        "BellwireOrdersUnseenInManyShops",
    ),
    "bellwire_unsent_bytes": (
        "Answers that nobody takes",
    ),
    "bellwire_webhook_attempts_forgotten_total": (
        "Webhook attempts not written down",
    ),
    "bellwire_webhook_deliveries_total": (
        "Webhook deliveries",
    ),
    "bellwire_webhook_switched_off_total": (
        "Webhook endpoints switched off",
        "BellwireWebhookSwitchedOff",
    ),
    "bellwire_webhooks_late_seconds": (
        "Webhooks' turn is late",
        "BellwireWebhooksLate",
    ),
    "bellwire_webhooks_refusing": (
        "Webhook endpoints that wait or refuse",
        "BellwireWebhookRefused",
    ),
    "bellwire_webhooks_waiting": (
        "Webhook endpoints that wait or refuse",
        "BellwireWebhooksWaiting",
    ),
}

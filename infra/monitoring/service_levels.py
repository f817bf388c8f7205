"""The service levels, and the rules that follow from them: `rules/service-levels.yml`.

    python -m infra.monitoring.service_levels            # rewrites rules/service-levels.yml

A level is a share of good events that is promised over 30 days; what may be bad is its error budget. Each has two
alerts: a page while the budget burns so fast that it is gone in days, a ticket while it burns faster than it should. An
alert asks a long window, so that a moment is no alarm, and a short one, so that it ends when the burning does (Google's
SRE Workbook, chapter 5). Fewer bad events than `least_bad` in the long window are no alert, whichever share they are.

Knows PromQL's text. Does not know any Prometheus. Why: docs/decisions/0136-alerts-that-end.md
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parent / "rules" / "service-levels.yml"
RUNBOOK = "https://bellwire.example/docs/runbook.md"
# Tenants that try things out; requests that ask how a pod is; and those that are answered when something happens.
REAL = 'test="false"'
_PROBED = "/readyz|/healthz|/metrics|/openapi.json|/asyncapi.json|/docs|unmatched"
PROBES = f'route!~"{_PROBED}"'
POLLS = f'route!~"{_PROBED}|.*/events"'
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}
# How many times as fast as the budget allows, over which long and which short window.
PAGE = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
# A page is for what burns still: half an hour remembers what was over long ago.
STILL = "5m"
TICKET = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """`bad` and `total` are rates over a window called WINDOW; `page` and `ticket` are the names of its alerts."""

    name: str
    objective: float
    promise: str
    bad: str
    total: str
    what: str
    page: str
    ticket: str
    least_bad: int = 10

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.objective, 6)


LEVELS = (
    ServiceLevel(
        "delivery",
        0.999,
        "99.9 % of live events are written to a terminal's socket within 100 ms of their commit",
        f"sum(rate(bellwire_gateway_delivery_seconds_count{{{REAL}}}[WINDOW]))"
        f' - sum(rate(bellwire_gateway_delivery_seconds_bucket{{{REAL},le="0.1"}}[WINDOW]))',
        f"sum(rate(bellwire_gateway_delivery_seconds_count{{{REAL}}}[WINDOW]))",
        "deliveries took longer than 100 ms",
        "BellwireDeliverySlow",
        "BellwireDeliverySlowing",
        20,
    ),
    ServiceLevel(
        "seen",
        0.99,
        "99 % of orders are seen by somebody who counts within their shop's deadline, 30 s unless it chose another",
        "sum(rate(bellwire_orders_late_total[WINDOW]))",
        "sum(rate(bellwire_orders_to_see_total[WINDOW]))",
        "orders were not seen within their deadline",
        "BellwireOrdersLate",
        "BellwireOrdersLateOften",
    ),
    ServiceLevel(
        "api",
        0.9995,
        "99.95 % of requests are answered without a 5xx, probes left out",
        f'(sum(rate(bellwire_api_requests_total{{{REAL},{PROBES},status=~"5.."}}[WINDOW])) or vector(0))',
        f"sum(rate(bellwire_api_requests_total{{{REAL},{PROBES}}}[WINDOW]))",
        "requests were answered with a 5xx",
        "BellwireApiFailing",
        "BellwireApiFailingOften",
    ),
    ServiceLevel(
        "api-latency",
        0.99,
        "99 % of requests are answered within 250 ms, probes and long polls left out",
        f"sum(rate(bellwire_api_request_seconds_count{{{REAL},{POLLS}}}[WINDOW]))"
        f' - sum(rate(bellwire_api_request_seconds_bucket{{{REAL},{POLLS},le="0.25"}}[WINDOW]))',
        f"sum(rate(bellwire_api_request_seconds_count{{{REAL},{POLLS}}}[WINDOW]))",
        "requests took longer than 250 ms",
        "BellwireApiSlow",
        "BellwireApiSlowing",
        50,
    ),
)

HEAD = """\
# Made by `python -m infra.monitoring.service_levels`; change infra/monitoring/service_levels.py, then run that.
# Each level: its bad events a second and their share over seven windows, the share of its budget that three days have
# left, and two alerts.
groups:
"""


def rules() -> str:
    """The text of the rule file."""
    return HEAD + "\n".join("\n".join(group(level)) + "\n" for level in LEVELS)


def group(level: ServiceLevel) -> Iterator[str]:
    """One level's rules."""
    yield f"  # {level.promise}."
    yield f"  - name: bellwire-level-{level.name}"
    yield "    rules:"
    labels = f"        labels: {{slo: {level.name}}}"
    for window in SECONDS:
        yield f"      - record: bellwire:slo_bad:rate{window}"
        yield f"        expr: '{level.bad.replace('WINDOW', window)}'"
        yield labels
        yield f"      - record: bellwire:slo_bad:ratio_rate{window}"
        bad = f'bellwire:slo_bad:rate{window}{{slo="{level.name}"}}'
        total = level.total.replace("WINDOW", window)
        yield f"        expr: 'sum({bad}) / ({total} > 0)'"
        yield labels
    yield "      - record: bellwire:slo_budget_left:ratio3d"
    yield f"""        expr: 1 - bellwire:slo_bad:ratio_rate3d{{slo="{level.name}"}} / {level.budget}"""
    yield labels
    yield from alert(level, level.page, "page", PAGE, "2m")
    yield from alert(level, level.ticket, "ticket", TICKET, "15m")


def alert(
    level: ServiceLevel, name: str, severity: str, burns: tuple[tuple[float, str, str], ...], wait: str
) -> Iterator[str]:
    """One alert of a level."""
    yield f"      - alert: {name}"
    yield "        expr: |"
    for number, (factor, long, short) in enumerate(burns):
        slo = f'{{slo="{level.name}"}}'
        limit = f"{factor:g} * {level.budget}"
        yield f"          {'or ' if number else ''}(bellwire:slo_bad:ratio_rate{long}{slo} > {limit}"
        yield f"            and bellwire:slo_bad:ratio_rate{short}{slo} > {limit}"
        if severity == "page" and short != STILL:
            yield f"            and bellwire:slo_bad:ratio_rate{STILL}{slo} > {limit}"
        yield f"            and bellwire:slo_bad:rate{long}{slo} * {SECONDS[long]} > {level.least_bad})"
    yield f"        for: {wait}"
    yield "        labels:"
    yield f"          severity: {severity}"
    yield f"          slo: {level.name}"
    spent = "the budget of a month is gone in days" if severity == "page" else "more than its budget allows"
    said = f"{{{{ $value | humanizePercentage }}}} of {level.what}: {spent}"
    yield "        annotations:"
    yield f"          summary: '{said}'"
    yield f"          runbook_url: {RUNBOOK}#{name.lower()}"


if __name__ == "__main__":
    TARGET.write_text(rules(), encoding="utf-8")

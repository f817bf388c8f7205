"""The page of a report: the verdict first, then why, then everything that it was drawn from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loadtests.core.histogram import percentile
from loadtests.core.page.chart import Chart, Line
from loadtests.core.page.html import Content, Html, el, join, milliseconds, number, size, table
from loadtests.core.page.style import STYLE
from loadtests.core.profiles import PROFILES
from loadtests.core.rows import CROWD, DOORS, ORDERS, PROBE, arrival, late_arrival

Report = Mapping[str, Any]

FAULT_TEXTS = {
    "lost": "events that a terminal was owed and did not get",
    "repeated": "events that came to a terminal twice",
    "out of order": "events that came behind a later one",
    "foreign event": "events of another shop",
    "false receipt": "receipts of a terminal that never acked so far",
    "reset": "histories that were not replayed",
    "resumed elsewhere": "streams that went on from another place than was asked for",
    "sent away": "terminals that were refused or closed for good",
    "alarm missing": "orders that nobody saw, and that did not alarm",
    "wrong answer": "answers that the contract does not know",
}
SERVERS = ("postgres", "valkey", "loadbalancer")
QUEUES = (
    "requests-under-way",
    "handshakes-waiting",
    "events-behind",
    "pool-wait",
    "webhooks-waiting",
    "unsent-bytes",
)


def page_of(report: Report) -> str:
    """The whole document."""
    title = f"{report['profile']}: {'passed' if report['passed'] else 'FAILED'}"
    body = el(
        "main",
        _head(report),
        _verdict(report),
        _tiles(report),
        *([_ramp(report)] if report["ramp"] else []),
        el("h2", "Order to terminal"),
        _arrivals(report),
        _late(report),
        el("h2", "Promises"),
        _promises(report),
        el("h2", "Throughput"),
        _throughput(report),
        el("h2", "The parts of the cluster"),
        _parts(report),
        *([el("h2", "Growth"), _trends(report)] if report["trends"] else []),
        el("h2", "Every row"),
        _rows(report),
        # An older report has none.
        *(
            [el("h3", "Why requests failed, over the whole run"), _reasons(report)]
            if report.get("reasons")
            else []
        ),
        el("h2", "How it was measured"),
        _facts(report),
    )
    head = join(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
        # Nothing is loaded from anywhere, whatever stands in the report.
        Html(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        el("title", f"Load test {title}"),
        el("style", Html(STYLE)),
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def _head(report: Report) -> Html:
    when = datetime.fromtimestamp(report["began"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    seconds = report["span"][1] - report["span"][0]
    where = report["settings"].get("url", "")
    return join(
        el("h1", f"Load test: {report['profile']}"),
        el("p", f"{when} · {number(seconds)} s measured · {where} · run {report['run']}", class_="quiet"),
        el("p", PROFILES[report["profile"]].line),
    )


def _verdict(report: Report) -> Html:
    passed = report["passed"]
    word = el("div", "✓ Passed" if passed else "✗ Failed", class_=f"word {'passed' if passed else 'failed'}")
    if passed and report.get("live"):
        word = el("div", "… Under way", class_="word")
    reasons = (
        el("p", "No promise was broken, and everything was within its limits.")
        if passed
        else el("ul", *(el("li", text) for text in report["complaints"]), class_="reasons")
    )
    notes = (
        el("ul", *(el("li", text) for text in report["problems"]), class_="notes")
        if report["problems"]
        else None
    )
    return join(word, reasons, notes)


def _tile(name: str, figure: Content, more: str = "") -> Html:
    return el("div", el("span", name), el("b", figure), el("span", more), class_="tile")


def _tiles(report: Report) -> Html:
    rows, offered = report["rows"], report["offered"]
    tiles = [
        _tile("orders a second", number(offered["answered"]), f"of {number(offered['asked'])} asked for"),
        _tile(
            "terminals", number(report["size"]["terminals"]), f"at {number(report['size']['shops'])} shops"
        ),
    ]
    for door in DOORS:
        row = rows.get(arrival(door, PROBE))
        if row:
            more = f"p50 {milliseconds(row['p50'])}, {row['count']:,} orders"
            tiles.append(_tile(f"order to {door}, p99", milliseconds(row["p99"]), more))
    delivered = sum(row["count"] for name, row in rows.items() if name.startswith("EVENT order →"))
    broken = sum(report["faults"].values())
    tiles.append(_tile("arrivals of orders, all terminals", number(delivered), "each judged"))
    tiles.append(_tile("promises broken", number(broken), "lost, repeated, foreign, false …"))
    return join(
        el("div", *tiles, class_="tiles"),
        el("p", el("b", "The part that limits: "), report["limiting"], "."),
    )


def _points(row: Mapping[str, Any] | None, share: float) -> list[tuple[float, float | None]]:
    if row is None:
        return []
    return [
        (second, percentile({int(bucket): count for bucket, count in buckets.items()}, share))
        for second, _, _, buckets in row["windows"]
    ]


def _chart(report: Report, title: str, unit: str, lines: list[Line], **more: Any) -> Html:
    begin, end = report["span"]
    acts = [(act["at"], act["what"]) for act in report["acts"]]
    marks = [*acts, *((stage["begin"], stage["name"]) for stage in report["stages"][1:] if stage["name"])]
    # Of a flaky network's many cuts a word each would be a wall of words.
    few = [mark for mark in marks if begin <= mark[0] <= end] if len(marks) <= 26 else []
    return Chart(title, unit, lines, begin, end, marks=few, **more).drawn()


def _arrivals(report: Report) -> Html:
    rows = report["rows"]
    lines = []
    for colour, door in enumerate(DOORS):
        row = rows.get(arrival(door, PROBE))
        lines += [
            Line(f"{door}, p99", _points(row, 0.99), colour),
            Line(f"{door}, p50", _points(row, 0.5), colour, dashed=True),
        ]
    limit = (report["serviceLevelMs"], f"service level {milliseconds(report['serviceLevelMs'])}")
    unit = f"milliseconds, in windows of {report['windowSeconds']} s"
    note = "A window has few orders: its p99 is its slowest. The table below has the whole time's."
    probes = _chart(report, "Probes", unit, lines, logarithmic=True, limit=limit, note=note)
    return join(probes, _beside(report))


def _beside(report: Report) -> Html:
    """Probes, crowd and the server's own words, side by side: where they differ, the difference is the load test's."""
    cells: list[list[Content]] = []
    for people, word in ((PROBE, "probes"), (CROWD, "crowd"), ("sdk", "SDK tills")):
        for door in DOORS:
            row = report["rows"].get(arrival(door, people))
            if row:
                name = f"{word}, {door}: order sent to bytes read"
                cells.append(
                    [
                        name,
                        f"{row['count']:,}",
                        *(milliseconds(row[each]) for each in ("p50", "p90", "p99", "max")),
                    ]
                )
    for name, words in (
        ("delivery", "the pods' own: commit to socket write"),
        ("ack", "the pods' own: commit to first ack"),
    ):
        found = report["server"].get(name)
        if found:
            below = [
                f"below {milliseconds(found[each])}" if found[each] else "–"
                for each in ("below50", "below99")
            ]
            cells.append([words, f"{found['count']:,.0f}", below[0], "", below[1], ""])
    for people in (PROBE, CROWD):
        row = report["rows"].get(f"LOAD late by itself ({people})")
        if row:
            name = f"how late the process of the {'probes' if people == PROBE else 'crowd'} was for itself"
            cells.append(
                [
                    name,
                    f"{row['count']:,}",
                    *(milliseconds(row[each]) for each in ("p50", "p90", "p99", "max")),
                ]
            )
    return table(["measured", "times", "p50", "p90", "p99", "most"], cells)


def _late(report: Report) -> Html:
    """Replays and ways back, where there were any."""
    wanted = [name for name in report["rows"] if name.startswith(("DOOR away ", "DOOR replay "))]
    wanted += [
        name
        for door in DOORS
        for people in (PROBE, CROWD)
        if (name := late_arrival(door, people)) in report["rows"]
    ]
    if not wanted:
        return Html("")
    cells: list[list[Content]] = []
    for name in wanted:
        row = report["rows"][name]
        events = number(row["size"] / max(1, row["count"])) if name.startswith("DOOR replay ") else ""
        cells.append(
            [name, f"{row['count']:,}", events, *(milliseconds(row[each]) for each in ("p50", "p99", "max"))]
        )
    return join(
        el("p", "Terminals that were away, and orders that waited for them:"),
        table(["row", "times", "events each", "p50", "p99", "most"], cells),
    )


def _promises(report: Report) -> Html:
    cells: list[list[Content]] = []
    for kind, count in report["faults"].items():
        mark = el("span", "✓", class_="ok") if not count else el("span", "✗", class_="no")
        example = report["examples"].get(kind, [""])[0] if count else FAULT_TEXTS.get(kind, "")
        cells.append([join(mark, " ", kind), example, f"{count:,}"])
    looked = report["settings"].get("ordersLookedAt")
    said = (
        f"Receipts were looked at for {looked:,} orders: {report['settings']['receiptsSeen']:,} were there."
        if looked
        else ""
    )
    return join(
        table(["promise broken", "for example", "how many"], cells, numbers=2), el("p", said, class_="quiet")
    )


def _rate(row: Mapping[str, Any] | None, width: int, report: Report) -> list[tuple[float, float | None]]:
    if row is None:
        return []
    found = {second: sum(buckets.values()) / width for second, _, _, buckets in row["windows"]}
    begin, end = report["span"]
    return [(second, found.get(second, 0.0)) for second in range(begin, end - width + 1, width)]


def _sum(series: list[list[tuple[float, float | None]]]) -> list[tuple[float, float | None]]:
    whole: dict[float, float] = {}
    for points in series:
        for second, value in points:
            whole[second] = whole.get(second, 0.0) + (value or 0.0)
    return sorted(whole.items())


def _throughput(report: Report) -> Html:
    rows, width = report["rows"], report["windowSeconds"]
    asked: list[tuple[float, float | None]] = []
    for stage in report["stages"][1:]:
        asked += [(stage["begin"], stage["rate"]), (min(stage["end"], report["span"][1]), stage["rate"])]
    orders = _sum([_rate(rows.get(name), width, report) for name in ORDERS])
    arrivals = _sum(
        [_rate(row, width, report) for name, row in rows.items() if name.startswith("EVENT order →")]
    )
    wanted = [point for point in asked if point[0] <= report["span"][1]]
    both = [Line("accepted", orders, 0), Line("asked for", wanted, 4, dashed=True)]
    first = _chart(report, "Orders", "a second", both)
    second = _chart(report, "Arrivals of orders at terminals", "a second", [Line("all doors", arrivals, 2)])
    return join(first, second)


def _values(report: Report, what: str) -> list[tuple[str, list[tuple[float, float | None]]]]:
    return [
        (name.partition(" ")[2], [(second, value) for second, value in points])
        for name, points in report["values"].items()
        if name.startswith(f"{what} ")
    ]


def _parts(report: Report) -> Html:
    cpu = [(name, points) for name, points in _values(report, "cpu")]
    if not cpu:
        return el("p", "No figures: --pod names the pods that are to be looked at.", class_="quiet")
    uses = [
        [use["part"], number(use["used"]), number(use["of"]), f"{100 * use['used'] / use['of']:.0f} %"]
        for use in report["uses"]
    ]
    found = [
        _lines(report, "CPU", "cores", cpu),
        table(["part", "cores used", "of", "share"], [list(row) for row in uses]),
        *(
            _lines(report, title, "bytes", values, show=size)
            for title, values in (
                ("Memory", [each for each in _values(report, "memory") if each[0] not in SERVERS]),
                # A database has ten times a pod's: beside it nobody would see one grow.
                ("Memory of the servers", [each for each in _values(report, "memory") if each[0] in SERVERS]),
            )
            if values
        ),
        _lines(report, "Connections", "open", _values(report, "connections")),
    ]
    for what in QUEUES:
        values = [
            (name, points) for name, points in _values(report, what) if any(value for _, value in points)
        ]
        if values:
            found.append(_lines(report, what.replace("-", " ").capitalize(), "", values))
    quiet = [what.replace("-", " ") for what in QUEUES if _values(report, what) and not _busy(report, what)]
    if quiet:
        found.append(el("p", f"At 0 all the time: {', '.join(quiet)}.", class_="quiet"))
    return join(*found)


def _busy(report: Report, what: str) -> bool:
    return any(value for _, points in _values(report, what) for _, value in points)


def _lines(report: Report, title: str, unit: str, values: list[tuple[str, Any]], **more: Any) -> Html:
    return _chart(
        report, title, unit, [Line(name, points, at) for at, (name, points) in enumerate(values)], **more
    )


def _trends(report: Report) -> Html:
    cells: list[list[Content]] = []
    for name, trend in report["trends"].items():
        show = size if name.startswith("memory ") else "{:.2f}".format
        sign = "+" if trend["per_hour"] > 0 else ""
        cells.append(
            [
                name,
                show(trend["mean"]),
                f"{sign}{show(trend['per_hour'])} ± {show(trend['error'])}",
                trend["text"],
            ]
        )
    return join(
        el(
            "p",
            "A straight line through the points of the second half, with its standard error: in the first half caches "
            "fill. Short runs say little.",
            class_="quiet",
        ),
        table(["value", "mean", "growth an hour", "in short"], cells),
    )


def _ramp(report: Report) -> Html:
    ramp = report["ramp"]
    cells: list[list[Content]] = []
    for step in ramp["steps"]:
        times = (milliseconds(step[each]) for each in ("p50_ms", "p99_ms"))
        cells.append([str(step["number"]), number(step["asked"]), number(step["answered"]), *times])
    return join(
        el("h2", "The knee"),
        el("p", ramp["text"][:1].upper(), ramp["text"][1:], "."),
        table(["step", "asked for, a second", "accepted", "p50", "p99"], cells),
    )


def _rows(report: Report) -> Html:
    cells: list[list[Content]] = [
        [
            name, f"{row['count']:,}", f"{row['failures']:,}", number(row["perSecond"]),
            *(milliseconds(row[each]) for each in ("p50", "p90", "p99", "p99.9", "max")),
        ]
        for name, row in report["rows"].items()
    ]  # fmt: skip
    return table(["row", "times", "failed", "a second", "p50", "p90", "p99", "p99.9", "most"], cells)


def _reasons(report: Report) -> Html:
    cells: list[list[Content]] = [
        [name, reason, f"{count:,}"]
        for name, counts in report["reasons"].items()
        for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
    return table(["row", "reason", "times"], cells, numbers=2)


def _facts(report: Report) -> Html:
    cells: list[list[Content]] = [[name, str(value)] for name, value in report["versions"].items()]
    cells += [[name, str(value)] for name, value in {**report["settings"], **report["size"]}.items()]
    return join(
        table(["setting", "value"], cells, numbers=9),
        el(
            "p", "Durations are counted in buckets of 2.2 %: a figure may be that much too high, and is never too low. "
            "Moments are taken before anything is parsed.", class_="quiet",
        ),
    )  # fmt: skip

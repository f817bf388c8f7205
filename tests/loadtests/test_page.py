"""A report opens without a network: no script, no request, a text is a text, and everything can be read."""

import re
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from infra.local.chromium import ARGUMENTS, find_chromium
from infra.local.debian_tool import ToolMissing
from loadtests.core.page.chart import COLOURS, Chart, Line
from loadtests.core.page.html import Html, el, milliseconds, number, size
from loadtests.core.page.page import page_of
from loadtests.core.profiles import PROFILES, Size
from loadtests.core.record import LOST, Record
from loadtests.core.thresholds import Thresholds
from loadtests.core.verdict import Run, report_of
from tests.web.axe import serious

BEGAN = 1_764_384_000.0
EVIL = "<img src=x onerror=alert(1)>"


def a_page(profile: str = "storm", *, evil: bool = False) -> str:
    record, sized = Record(), Size(10, 50, 20.0, 60.0, warm_up_seconds=1.0)
    course = PROFILES[profile].course(sized)
    for second in range(int(BEGAN), int(BEGAN + course.seconds)):
        stage = course.stage_at(second - BEGAN)
        assert stage is not None
        for number_ in range(int(stage.rate)):
            record.note("POST orders/create", second, 5.0 + number_)
            record.note("EVENT order → websocket (probe)", second, 9.0 + number_)
            record.note("EVENT order → websocket (crowd)", second, 11.0 + number_)
            record.note("DOOR replay websocket (crowd)", second, 90.0, 5)
        for part in ("api-1", "gateway-1", "machine"):
            record.value(f"cpu {part}", second, 0.4)
            record.value(f"memory {part}", second, 8e7 + second % 7)
        record.value("connections gateway-1", second, 50)
        record.value("requests-under-way api-1", second, second % 3)
        record.value("events-behind gateway-1", second, 0)
    if evil:
        record.fault(LOST, EVIL)
        record.failed("POST acks (crowd)", int(BEGAN) + 8, EVIL)
    run = Run(
        profile, sized, "x", BEGAN, BEGAN + course.seconds, record, {"delivery": {0.005: 90.0, float("inf"): 100.0}},
        {"bellwire": "0.2.0"}, {"url": EVIL if evil else "http://127.0.0.1:8080"}, [EVIL] if evil else [],
    )  # fmt: skip
    return page_of(report_of(run, Thresholds()))


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_s_report_is_one_page_with_its_charts_and_nothing_of_elsewhere(profile: str) -> None:
    page = a_page(profile)
    assert page.count("<svg") >= 6
    assert "<script" not in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]", page)
    assert f"Load test: {profile}" in page


def test_a_text_of_the_cluster_is_a_text() -> None:
    page = a_page(evil=True)
    assert EVIL not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_a_run_without_any_figure_has_a_page_too() -> None:
    run = Run("smoke", PROFILES["smoke"].size, "x", BEGAN, BEGAN, Record(), failed="nobody came")
    page = page_of(report_of(run, Thresholds()))
    assert "nothing was measured: nobody came" in page
    assert "No figures." in page


def test_a_chart_leaves_a_gap_where_there_is_no_figure_and_shows_a_lone_one() -> None:
    gap = Chart("x", "ms", [Line("a", [(0, 1.0), (1, 2.0), (2, None), (3, 4.0)], 0)], 0, 3).drawn()
    assert re.search(r'd="M[\d. ]+L[\d. ]+M[\d. ]+"', gap.replace(" L", "L").replace(" M", "M"))
    assert "<circle" in Chart("x", "ms", [Line("a", [(1, 2.0)], 0)], 0, 3).drawn()
    assert "<path" in Chart("x", "ms", [Line("a", [(0, 0.0), (1, 0.0)], 0)], 0, 3, logarithmic=True).drawn()


def test_a_line_that_takes_another_s_colour_is_dashed() -> None:
    lines = [Line(str(at), [(0, 1.0), (1, 2.0)], at) for at in range(COLOURS + 1)]
    first, *_, last = re.findall(r'<path class="([^"]+)"', Chart("x", "ms", lines, 0, 1).drawn())
    assert (first, last) == ("line s0", "line s0 dashed")


def test_growth_is_told_in_units_and_of_the_mean() -> None:
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", a_page("soak").partition("<h2>Growth</h2>")[2])
    assert cells[cells.index("memory api-1") + 1] == "80 MB"
    assert re.fullmatch(r"\+?-?[\d.]+ k?B ± [\d.]+ k?B", cells[cells.index("memory api-1") + 2])
    assert cells[cells.index("events-behind gateway-1") + 1 :][:2] == ["0.00", "0.00 ± 0.00"]


def test_figures_are_short_and_have_their_unit() -> None:
    assert [number(value) for value in (None, 0, 0.123456, 12.3456, 1234567.0)] == [
        "–",
        "0",
        "0.123",
        "12.3",
        "1,234,567",
    ]
    assert [milliseconds(value) for value in (None, 9.87, 999.0, 12_345.0)] == [
        "–",
        "9.87 ms",
        "999 ms",
        "12.3 s",
    ]
    assert [size(value) for value in (12.0, 81_234_567.0, 5e12)] == ["12 B", "81.2 MB", "5,000 GB"]


def test_html_is_escaped_but_where_it_is_html() -> None:
    assert el("p", "<b>", Html("<i></i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></i></p>'


async def test_chromium_shows_it_in_any_light_and_width_without_a_request_and_without_an_error(
    tmp_path: Path,
) -> None:
    try:
        tool = find_chromium()
    except ToolMissing as exc:
        pytest.fail(str(exc), pytrace=False)
    file = tmp_path / "report.html"
    file.write_text(a_page(evil=True), encoding="utf-8")
    errors: list[str] = []
    asked: list[str] = []
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=tool.path, args=list(ARGUMENTS[1:]), env=dict(tool.environment())
        )
        page = await browser.new_page(viewport={"width": 400, "height": 900})
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(file.as_uri())
        assert await page.evaluate("document.documentElement.scrollWidth") <= 400
        await page.close()
        # The policy of the page forbids scripts; the checker's is put in past it.
        context = await browser.new_context(bypass_csp=True)
        page = await context.new_page()
        await page.goto(file.as_uri())
        await page.emulate_media(color_scheme="light")
        faults += await serious(page)
        await page.emulate_media(color_scheme="dark")
        faults += await serious(page)
        await browser.close()
    assert errors == []
    assert set(asked) == {file.as_uri()}
    assert faults == []

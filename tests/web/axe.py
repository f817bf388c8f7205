"""The faults that axe-core finds on a page. Its script comes with the package, so no request goes anywhere."""

from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page

_KEEP_PEOPLE_OUT = ("serious", "critical")


async def serious(page: Page) -> list[str]:
    """All that axe finds, of the kinds that keep people out."""
    found = await Axe().run(page)
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}"
        for each in found.response["violations"]
        if each["impact"] in _KEEP_PEOPLE_OUT
    ]

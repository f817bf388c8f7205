"""The pages that API pods serve: the till, the console, and what they are made of.

`/till` and `/console` are the doors; whatever else a page needs lies under `/pages/<folder>/`. In a checkout the files
are in `web/`; a wheel carries them beside this one.

Why: docs/decisions/0132-pages.md
"""

from dataclasses import replace
from pathlib import Path

from backbone.runtime.pages import Page, Pages, served

DOORS = ("console", "till")
FOLDERS = ("common", "sdk", *DOORS)
_CARRIED = Path(__file__).parent / "web"
_CHECKOUT = Path(__file__).resolve().parents[1] / "web"


def pages() -> Pages:
    """Read them all. A door whose page is not there is none."""
    folder = _CARRIED if _CARRIED.is_dir() else _CHECKOUT
    found: dict[str, Page] = {}
    for name, path in served(folder, FOLDERS):
        door, _, rest = name.partition("/")
        page = Page.of(path)
        if rest == "worker.js":
            # A worker lies deeper than the page that it serves when there is no network.
            page = replace(page, headers={**page.headers, "Service-Worker-Allowed": f"/{door}"})
        if rest == "index.html" and door in DOORS:
            found[f"/{door}"] = page
        else:
            found[f"/pages/{name}"] = page
    return Pages(found)

"""The files of the demo's pages: those of the tour, the shop and the wall, and the parts that they share with others.

They lie under `/demo/`, where no pod serves anything, so that the address alone says whose they are.
"""

from pathlib import Path

from backbone.runtime.pages import Page, served

WEB = Path(__file__).resolve().parents[3] / "web"
FOLDERS = ("common", "sdk", "shop", "tour", "wall")
DOORS = {"/": "tour", "/shop": "shop", "/wall": "wall"}


def read_files(web: Path = WEB) -> dict[str, Page]:
    """The page of each path of the demo: `/shop`, `/demo/shop/main.js`, `/demo/common/tokens.css` …"""
    found = {f"/demo/{name}": Page.of(path) for name, path in served(web, FOLDERS)}
    return found | {path: found[f"/demo/{folder}/index.html"] for path, folder in DOORS.items()}

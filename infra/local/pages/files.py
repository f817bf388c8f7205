"""The files of the demo's pages, read once: what a browser needs, and nothing else of `web/`.

A path that is asked for is looked up and never joined to a folder, so that none leads out of it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

WEB = Path(__file__).resolve().parents[3] / "web"
FOLDERS = ("common", "sdk", "shop", "tour", "wall")
PAGES = {"/": "tour", "/shop": "shop", "/wall": "wall"}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    """What is sent, with its type, and the tag by which a browser knows it again."""

    content: bytes
    type: str
    tag: str


def read_files(web: Path = WEB) -> dict[str, File]:
    """The file of each path of the demo: `/shop`, `/demo/shop/main.js`, `/demo/common/tokens.css` …"""
    found = {
        f"/demo/{folder}/{path.relative_to(web / folder).as_posix()}": _read(path)
        for folder in FOLDERS
        for path in sorted((web / folder).rglob("*"))
        if path.suffix in TYPES and not path.name.endswith(".test.js")
    }
    return found | {path: found[f"/demo/{folder}/index.html"] for path, folder in PAGES.items()}


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')

"""The pages as an API pod serves them: whole, with their headers, and nothing else of the disk."""

import gzip
import re
from pathlib import Path

import httpx
import pytest

from api.pages import DOORS, FOLDERS
from backbone.runtime.pages import HEADERS, served
from tests.conftest import ROOT, StartApiPod

WEB = ROOT / "web"


def paths() -> dict[str, Path]:
    """Every file that is served, by its address."""
    found = {}
    for name, path in served(WEB, FOLDERS):
        door, _, rest = name.partition("/")
        found[f"/{door}" if rest == "index.html" and door in DOORS else f"/pages/{name}"] = path
    return found


async def test_every_file_is_served_as_it_is_with_the_headers_of_a_page(http: httpx.AsyncClient) -> None:
    assert {"/pages/common/dom.js", "/pages/sdk/core/machine.js"} <= set(paths())
    for address, path in paths().items():
        answer = await http.get(address)
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), address
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, address
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_policy_lets_nothing_in_that_is_not_a_file_of_ours(http: httpx.AsyncClient) -> None:
    policy = dict(
        part.split(" ", 1)
        for part in (await http.get("/pages/common/dom.js")).headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not [part for part in policy.values() if "unsafe" in part or "http" in part or "*" in part]


async def test_who_has_it_is_told_so_and_it_comes_packed_to_who_can_unpack_it(
    http: httpx.AsyncClient,
) -> None:
    plain = await http.get("/pages/common/base.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    async with http.stream(
        "GET", "/pages/common/base.css", headers={"Accept-Encoding": "br, gzip"}
    ) as packed:
        raw = b"".join([part async for part in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    refused = await http.get("/pages/common/base.css", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    again = await http.get(
        "/pages/common/base.css", headers={"If-None-Match": f'"other", {plain.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    changed = await http.get("/pages/common/base.css", headers={"If-None-Match": '"other"'})
    assert changed.status_code == 200


async def test_head_and_a_query_are_passed_over_and_anything_else_is_refused(http: httpx.AsyncClient) -> None:
    head = await http.head("/pages/common/dom.js?whatever=1")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    refused = await http.post("/pages/common/dom.js", json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert refused.json()["type"] == "urn:bellwire:problem:method-not-allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/pages", "/pages/", "/pages/common", "/pages/common/", "/pages/common/nothing.js",
        "/pages/common/dom.test.js", "/pages/DESIGN.md", "/pages/sdk/index.d.ts", "/pages/sdk/package.json",
        "/pages/common/%2e%2e/%2e%2e/pyproject.toml", "/pages/..%2fpyproject.toml",
        "/pages//common/dom.js", "/pages/common/dom.js/", "/pages/common/dom.js%00", "/till/", "/pages/till/index.html",
    ],
)  # fmt: skip
async def test_what_is_no_page_is_nowhere(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:bellwire:problem:not-found"


async def test_a_pod_without_pages_has_none(start_api_pod: StartApiPod) -> None:
    pod = start_api_pod({"BELLWIRE_PAGES": "false"})
    async with httpx.AsyncClient(base_url=pod.url) as http:
        assert (await http.get("/pages/common/dom.js")).status_code == 404


def test_no_page_asks_another_host_for_anything() -> None:
    for path in paths().values():
        text = path.read_text(encoding="utf-8")
        if path.is_relative_to(WEB):
            assert (
                re.findall(r"(?:src|href)=\"(?!/pages/|#)[^\"]*\"|url\((?!data:)[^)]*\)|@import", text) == []
            ), path
            assert not re.search(r"https?://(?!www\.w3\.org/)", text), path


def test_a_page_has_no_script_and_no_style_in_itself() -> None:
    for path in WEB.glob("*/index.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", text), path

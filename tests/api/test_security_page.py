"""docs/security.md says of each route which keys may, as the contract and the door do."""

import re

import httpx
import pytest

from infra.local.pods import Pod
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "security.md"
KINDS = ("operatorKey", "storefrontKey", "terminalKey")
HEAD = "| route | operator | storefront | terminal |\n| --- | --- | --- | --- |\n"


async def operations(*pods: Pod) -> dict[str, set[str]]:
    """Each operation with the keys that its description names; those that need none are left out."""
    found: dict[str, set[str]] = {}
    for pod in pods:
        async with httpx.AsyncClient(base_url=pod.url) as http:
            document = (await http.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if keys := {name for option in operation["security"] for name in option} & set(KINDS):
                    found[f"{method.upper()} {path}"] = keys
    return found


def table(found: dict[str, set[str]]) -> str:
    rows = [
        f"| {route.partition(' ')[0]} `{route.partition(' ')[2]}` | "
        + " | ".join("yes" if kind in keys else "–" for kind in KINDS)
        + " |\n"
        for route, keys in sorted(found.items(), key=lambda item: item[0].partition(" ")[::-1])
    ]
    return HEAD + "".join(rows)


async def test_the_page_says_of_each_route_what_the_contract_says(
    api_pod: Pod, gateway: Pod, pytestconfig: pytest.Config
) -> None:
    wanted = table(await operations(api_pod, gateway))
    text = PAGE.read_text(encoding="utf-8")
    (said,) = re.findall(re.escape(HEAD) + r"(?:\|.*\n)*", text)
    if pytestconfig.getoption("--write-examples"):
        PAGE.write_text(text.replace(said, wanted), encoding="utf-8")
    else:
        assert said == wanted, "it changed: run this test with --write-examples"

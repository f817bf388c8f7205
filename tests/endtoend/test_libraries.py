"""Tills made with libraries as they are published: each connects, is cut in mid-stream, resumes, is refused."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.cluster import Cluster
from infra.local.debian_tool import private_folder
from infra.local.plan import Plan
from infra.local.shops import open_shops

pytestmark = pytest.mark.long

HERE = Path(__file__).with_name("libraries")
# A stand-in that comes back for ever never says why it was refused.
REFUSED = {"ws": 401, "eventsource": 401, "event-source-polyfill": 401, "reconnecting-eventsource": None}


@pytest.fixture(scope="module")
def scenario() -> Path:
    """The scenario beside its libraries, which npm fetched."""
    if shutil.which("npm") is None:
        pytest.fail("Node's npm is needed; on Debian or Ubuntu: sudo apt-get install npm", pytrace=False)
    folder = private_folder() / "libraries"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "scenario.cjs"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.fail(f"npm could not fetch the libraries: {done.stderr[-500:]}", pytrace=False)
    return folder / "scenario.cjs"


@pytest.fixture(scope="module")
def configs() -> Iterator[dict[str, dict[str, str]]]:
    """For each library a till of its own, at one cluster."""
    with Cluster(Plan(api_pods=1, gateway_pods=1)) as cluster:
        kitchen, _ = open_shops(cluster.url, cluster.operator_key)
        yield {
            library: {
                "url": cluster.url,
                "tenant": kitchen.slug,
                "term": terminal.key,
                "wrong": terminal.key[:-4] + "AAAA",
                "store": kitchen.storefront_key,
            }
            for library, terminal in zip(REFUSED, kitchen.terminals, strict=False)
        }


@pytest.mark.parametrize("library", REFUSED)
def test_a_till_made_with_the_library_gets_each_event_once_whatever_is_cut(
    library: str, scenario: Path, configs: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(configs[library]))
    done = subprocess.run(
        ["node", scenario, library, config], capture_output=True, text=True, timeout=90, check=False
    )
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(result["sent"]) == 4, result
    assert result["got"] == result["sent"]
    assert result.get("refused") == REFUSED[library]

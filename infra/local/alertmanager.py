"""A real Alertmanager of our own, with the configuration of this project, on a free port of the loopback interface.

Knows its configuration's receivers and its HTTP API. Does not know what an alert means.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from infra.local.child import Sink, no_sink
from infra.local.debian_tool import Progress, Tool
from infra.local.tool_server import ToolServer

CONFIGURATION = Path(__file__).resolve().parents[1] / "monitoring" / "alertmanager.yml"
RECEIVERS = "receivers:\n"
# Where Debian's program looks for its templates, wherever it itself lies.
TEMPLATES = Path("/usr/share/prometheus/alertmanager")
QUERY_SECONDS = 30.0


class Alertmanager(ToolServer):
    """One server, alone. `alerts` says what it was told, and which of it it keeps to itself."""

    name = "alertmanager"
    program = "prometheus-alertmanager"
    package = "prometheus-alertmanager"
    ready_path = "/-/ready"

    def __init__(
        self, *, configuration: str | None = None, port: int | None = None, sink: Sink = no_sink
    ) -> None:
        """`configuration` is a text in place of ours."""
        super().__init__(port=port, sink=sink)
        self._text = configuration or CONFIGURATION.read_text(encoding="utf-8")

    @classmethod
    def tool(cls, progress: Progress | None = None) -> Tool:
        found = super().tool(progress)
        return found if TEMPLATES.exists() else Tool(with_templates_beside(found.path), found.env)

    def words(self, folder: Path) -> Sequence[str | Path]:
        for template in templates_of(self.tool().path):
            shutil.copy(template, folder)
        configuration = folder / "alertmanager.yml"
        configuration.write_text(self._text, encoding="utf-8")
        return [
            f"--config.file={configuration}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            # It is alone, and listens for no others.
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it knows now: `labels`, `status` with `state` and `inhibitedBy`, `fingerprint`."""
        with httpx.Client(timeout=QUERY_SECONDS, trust_env=False) as client:
            found: list[dict[str, Any]] = client.get(f"{self.url}/api/v2/alerts").raise_for_status().json()
        return found


def with_templates_beside(program: Path) -> Path:
    """A copy of the program that looks for its templates in its working directory.

    Debian's has their place written in it. Fetched without root it lies elsewhere, and does not start without them.
    """
    copy = program.with_name(f"{program.name}-here")
    if not copy.exists():
        there = os.fsencode(TEMPLATES)
        here = (b"./" * len(there))[: len(there)]
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        draft.write_bytes(program.read_bytes().replace(there, here))
        draft.chmod(0o755)
        os.replace(draft, copy)
    return copy


def templates_of(program: Path) -> list[Path]:
    """The templates that were fetched with the program; none where it is installed."""
    return sorted(program.parents[1].joinpath("share", *TEMPLATES.parts[3:]).glob("*.tmpl"))


def told_to(url: str, text: str | None = None) -> str:
    """Our configuration (or `text`) with receivers that post what they are told to `url`/page and `url`/ticket."""
    before, found, _ = (text or CONFIGURATION.read_text(encoding="utf-8")).partition(RECEIVERS)
    assert found, "the configuration of Alertmanager has no receivers"
    receivers = "".join(
        f"  - name: {name}\n    webhook_configs: [{{url: '{url}/{name}', send_resolved: true}}]\n"
        for name in ("page", "ticket")
    )
    return before + found + receivers + "  - name: nobody\n"

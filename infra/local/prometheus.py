"""A real Prometheus of our own, with the alert rules of this project, on a free port of the loopback interface.

Its targets are told to it while it runs. Its data go with it. Knows Prometheus' configuration, which JSON is good
for, and its HTTP API. Does not know what a metric means.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from infra.local.child import Sink, no_sink
from infra.local.tool_server import ToolServer

RULES = Path(__file__).resolve().parents[1] / "monitoring" / "rules"
QUERY_SECONDS = 30.0


class Prometheus(ToolServer):
    """One server. `watch` says what it scrapes, `ask` has a query answered."""

    name = "prometheus"
    program = "prometheus"
    package = "prometheus"
    ready_path = "/-/ready"

    def __init__(
        self,
        *,
        rules: Path = RULES,
        alertmanagers: Sequence[str] = (),
        seconds: float = 5.0,
        port: int | None = None,
        sink: Sink = no_sink,
    ) -> None:
        """`seconds` lie between two scrapes, and between two looks at the rules in the folder `rules`.

        `alertmanagers`: who is told of alerts, each as `address:port`.
        """
        super().__init__(port=port, sink=sink)
        self._rules = rules.resolve()
        self._alertmanagers = list(alertmanagers)
        self._every = f"{round(seconds * 1000)}ms"
        self._groups: list[dict[str, Any]] = []

    def words(self, folder: Path) -> Sequence[str | Path]:
        configuration = folder / "prometheus.yml"
        configuration.write_text(json.dumps(self._configuration(), indent=1))
        self._write_groups(folder)
        return [
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--log.level=warn",
        ]

    def watch(self, groups: list[dict[str, Any]]) -> None:
        """Scrape these from now on: groups of `targets` and `labels`, as file_sd_configs reads them."""
        if groups != self._groups:
            self._groups = groups
            if self._workdir is not None:
                self._write_groups(self._workdir.path)

    def ask(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant query: each its `metric`, and `value` as moment and text.

        Raises:
            httpx.HTTPError: it did not answer, or refused the query.
        """
        moment = {} if at is None else {"time": str(at)}
        found: list[dict[str, Any]] = self._get("query", query=query, **moment)["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing now: `labels`, `annotations`, `state`, `activeAt`, `value`."""
        found: list[dict[str, Any]] = self._get("alerts")["alerts"]
        return found

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        # trust_env off: a proxy of the environment is not for our own loopback.
        with httpx.Client(timeout=QUERY_SECONDS, trust_env=False) as client:
            answer = client.get(f"{self.url}/api/v1/{path}", params=parameters).raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data

    def _configuration(self) -> dict[str, Any]:
        alerting = [{"static_configs": [{"targets": self._alertmanagers}]}] if self._alertmanagers else []
        return {
            "global": {
                "scrape_interval": self._every,
                "evaluation_interval": self._every,
                "scrape_timeout": self._every,
            },
            "rule_files": [str(self._rules / "*.yml")],
            "alerting": {"alertmanagers": alerting},
            "scrape_configs": [
                {
                    "job_name": "bellwire",
                    "file_sd_configs": [{"files": ["targets.json"], "refresh_interval": "5s"}],
                }
            ],
        }

    def _write_groups(self, folder: Path) -> None:
        draft = folder / "targets.draft"
        draft.write_text(json.dumps(self._groups))
        os.replace(draft, folder / "targets.json")

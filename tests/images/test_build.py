"""`make image`: the builders' commands, what is in an image, and whether the pod in a container is alive."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bellwire import alive
from infra.images.build import Builder, CannotBuild, find_builder
from infra.images.sbom import Content, Differs, bill
from infra.local.ports import free_port

LOCKED: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "metadata": {"tools": [{"name": "uv"}]},
    "components": [
        {"name": "anyio", "version": "4.1", "bom-ref": "anyio-1@4.1", "purl": "pkg:pypi/anyio@4.1"},
        {"name": "typing-extensions", "version": "4.2", "bom-ref": "te-2@4.2", "purl": "pkg:pypi/te@4.2"},
        {"name": "colorama", "version": "0.4", "bom-ref": "colorama-3@0.4", "purl": "pkg:pypi/colorama@0.4"},
    ],
    "dependencies": [
        {"ref": "anyio-1@4.1", "dependsOn": ["te-2@4.2", "colorama-3@0.4"]},
        {"ref": "colorama-3@0.4"},
    ],
}


def content(**python: str) -> Content:
    there = {"bellwire": "0.2.0", "anyio": "4.1", "typing_extensions": "4.2", **python}
    answer = {"python": there, "debian": ["zlib1g 1:1.2 amd64"], "release": "bookworm"}
    return Content.read("a warning\n" + json.dumps(answer) + "\n")


def test_the_list_has_what_is_in_the_image_as_the_lock_knows_it() -> None:
    found = bill(LOCKED, content(), "bellwire:0.2.0")
    assert [one["purl"] for one in found["components"]] == [
        "pkg:pypi/anyio@4.1",
        "pkg:pypi/te@4.2",
        "pkg:deb/debian/zlib1g@1%3A1.2?arch=amd64&distro=bookworm",
    ]
    # colorama is for another system, and not in the image.
    assert found["dependencies"] == [{"ref": "anyio-1@4.1", "dependsOn": ["te-2@4.2"]}]
    assert found["metadata"]["component"]["name"] == "bellwire:0.2.0"
    references = [one["bom-ref"] for one in found["components"]]
    assert len(references) == len(set(references))


@pytest.mark.parametrize("strange", [{"anyio": "4.0"}, {"leftpad": "1.0"}])
def test_an_image_that_is_not_of_this_lock_is_no_image(strange: dict[str, str]) -> None:
    (name,) = strange
    with pytest.raises(Differs, match=name):
        bill(LOCKED, content(**strange), "bellwire:0.2.0")


@pytest.mark.parametrize("name", ["docker", "podman", "buildah"])
def test_each_builder_is_told_the_same(name: str) -> None:
    command = Builder(name).build("bellwire:0.2.0", "python@sha256:0", authorities=False)
    assert command[0] == name
    assert command[-5:] == ["-f", "infra/images/Dockerfile", "-t", "bellwire:0.2.0", "."]
    assert "PYTHON_IMAGE=python@sha256:0" in command
    # The other format has no HEALTHCHECK, and would drop it with a warning.
    assert name == "docker" or command[command.index("--format") + 1] == "docker"
    assert "--volume" not in command


def test_a_builder_that_is_not_here_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotBuild, match="apt-get install buildah"):
        find_builder()


@pytest.mark.parametrize(
    ("words", "env", "port"),
    [
        (["bellwire", "api"], {}, "8000"),
        (["bellwire", "gateway", "--port", "8001"], {}, "8001"),
        (["/opt/python", "/opt/bellwire", "gateway", "--port=9000"], {"BELLWIRE_LISTEN_PORT": "1"}, "9000"),
        (["docker-init", "--", "bellwire", "api"], {"BELLWIRE_LISTEN_PORT": "8123"}, "8123"),
        (["bellwire", "migrate"], {}, None),
    ],
)
def test_the_port_of_a_pod_is_read_from_its_command_line(
    words: list[str], env: dict[str, str], port: str | None
) -> None:
    assert alive.port_of(words, env) == port


@pytest.fixture
def answering() -> Iterator[http.server.HTTPServer]:
    """A server that knows /healthz and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Silence."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_container_is_as_well_as_the_pod_in_it(
    answering: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = tmp_path / "cmdline"
    monkeypatch.setattr(alive, "FIRST_PROCESS", first)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    first.write_text(f"bellwire\0api\0--port\0{answering.server_port}\0")
    assert alive.main() == 0
    first.write_text(f"bellwire\0api\0--port\0{free_port()}\0")
    assert alive.main() == 1
    first.write_text("bellwire\0migrate\0")
    assert alive.main() == 0

"""`make image-digests` prints what a registry really sent, and says so where there is no registry."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.ports import free_port
from infra.supply.digests import NotResolved, balancer_image, base_image, main, resolve

BODY = b'{"schemaVersion": 2, "manifests": []}'
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()


class Registry(BaseHTTPRequestHandler):
    """As a registry answers: first a challenge, then, with its token, the index."""

    says = DIGEST

    def do_GET(self) -> None:
        if self.path.startswith("/token?"):
            assert "scope=repository%3A" in self.path
            self.answer(200, b'{"token": "abc"}')
        elif self.headers.get("Authorization") != "Bearer abc":
            realm = f"http://127.0.0.1:{self.server.server_port}/token"  # type: ignore[attr-defined]
            scope = f"repository:{self.path.split('/manifests')[0].removeprefix('/v2/')}:pull"
            self.answer(401, b"", f'Bearer realm="{realm}",service="registry",scope="{scope}"')
        elif self.path in ("/v2/library/python/manifests/3.11-slim", *wanted()):
            assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            self.answer(200, BODY)
        else:
            self.answer(404, b"")

    def answer(self, status: int, body: bytes, challenge: str = "") -> None:
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        if status == 200 and body == BODY and self.says:
            self.send_header("Docker-Content-Digest", self.says)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Be silent."""


def wanted() -> list[str]:
    images = [image.removeprefix("docker.io/library/") for image in (base_image(), balancer_image())]
    return [f"/v2/library/{name}/manifests/{tag}" for name, tag in (image.split(":") for image in images)]


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_digest_is_the_hash_of_what_was_sent(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("python:3.11-slim", registry) == DIGEST
    monkeypatch.setattr(Registry, "says", "")
    assert resolve("docker.io/library/python:3.11-slim", registry) == DIGEST
    monkeypatch.setattr(Registry, "says", "sha256:" + "0" * 64)
    with pytest.raises(NotResolved, match="the registry says sha256:0000"):
        resolve("python:3.11-slim", registry)


def test_a_release_is_told_both_images(registry: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(registry) == 0
    said = capsys.readouterr().out
    assert f"--build-arg PYTHON_IMAGE={base_image()}@{DIGEST}" in said
    assert f"newName: docker.io/library/haproxy, digest: {DIGEST}" in said


@pytest.mark.parametrize("image", ["python:no-such-tag", "python:3.11-slim"])
def test_without_an_answer_no_digest_is_invented(
    image: str, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = registry if image.endswith("no-such-tag") else f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NotResolved, match="cannot be reached or refused"):
        resolve(image, where)
    assert main(f"http://127.0.0.1:{free_port()}") == 2
    said = capsys.readouterr()
    assert "sha256:" not in said.out + said.err
    assert "No digest was resolved" in said.err

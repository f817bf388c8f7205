"""`make image-digests`: which images do the tags of our base images stand for at this moment?

A tag may be moved, a digest is the content itself. So a release is built `FROM` a digest, which is asked of the
registry here and written down nowhere by hand. Ends with 0, or with 2 and a sentence where it cannot be reached.
Knows the registries' own protocol (OCI distribution); needs no Docker.

Why: docs/decisions/0109-hashes-and-digests.md
"""

import hashlib
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "infra" / "images" / "Dockerfile"
OVERLAY = ROOT / "infra" / "k8s" / "overlays" / "production" / "kustomization.yaml"
REGISTRY = "https://registry-1.docker.io"
SECONDS = 15.0
LARGEST_BYTES = 4 * 1024 * 1024
KINDS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
COULD_NOT_LOOK = 2


class NotResolved(Exception):
    """The registry gave no digest; the text says why."""


def base_image() -> str:
    """The image that the Dockerfile stands on unless it is told another."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def balancer_image() -> str:
    """The load balancer's image in production."""
    images = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))["images"]
    (haproxy,) = [image for image in images if image["name"] == "haproxy"]
    return f"{haproxy['newName']}:{haproxy['newTag']}"


def resolve(image: str, registry: str = REGISTRY) -> str:
    """Return the digest that an image's tag has now: `sha256:` and the hash of what the registry sent.

    Raises:
        NotResolved: it could not be reached, refused, or sent something else than it says.
    """
    name, _, tag = image.removeprefix("docker.io/").partition(":")
    path = name if "/" in name else f"library/{name}"
    url = f"{registry}/v2/{path}/manifests/{tag}"
    try:
        body, said = _get(url, {"Accept": ", ".join(KINDS)})
    except OSError as exc:
        reason = getattr(exc, "reason", None) or exc
        raise NotResolved(
            f"{image}: the registry {registry} cannot be reached or refused ({reason})"
        ) from exc
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    if said not in ("", digest):
        raise NotResolved(f"{image}: the registry says {said}, and sent {digest}")
    return digest


def _get(url: str, headers: dict[str, str]) -> tuple[bytes, str]:
    """Return a body and the digest that the registry says of it; a token is asked for where it wants one."""
    for attempt in range(2):
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - a registry's
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - a registry's
                return answer.read(LARGEST_BYTES), answer.headers.get("Docker-Content-Digest", "")
        except urllib.error.HTTPError as exc:
            challenge = exc.headers.get("WWW-Authenticate", "")
            if attempt or exc.code != 401 or not challenge.startswith("Bearer "):
                raise
            headers = {**headers, "Authorization": f"Bearer {_token(challenge)}"}
    raise AssertionError


def _token(challenge: str) -> str:
    asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    query = urllib.parse.urlencode({name: asked[name] for name in ("service", "scope") if name in asked})
    with urllib.request.urlopen(f"{asked['realm']}?{query}", timeout=SECONDS) as answer:  # noqa: S310 - a registry's
        return str(json.loads(answer.read(LARGEST_BYTES))["token"])


def main(registry: str = REGISTRY) -> int:
    """Print what a release is built with."""
    try:
        python, haproxy = base_image(), balancer_image()
        base, balancer = resolve(python, registry), resolve(haproxy, registry)
    except NotResolved as exc:
        print(
            f"No digest was resolved: {exc}.\nNothing was changed; type this where the registry is.",
            file=sys.stderr,
        )
        return COULD_NOT_LOOK
    print(
        f"docker build -f infra/images/Dockerfile --build-arg PYTHON_IMAGE={python}@{base} -t bellwire:<version> ."
    )
    print(f"in your overlay:  - {{name: haproxy, newName: {haproxy.partition(':')[0]}, digest: {balancer}}}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

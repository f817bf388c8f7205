"""`make image`: build the image with docker, podman or buildah, whichever is here, and write down what is in it.

Ends with 0, or with 1 and one sentence. Knows the builders' command lines; what is built stands in the Dockerfile.
Where no registry can be reached, `--from-debian` makes the base out of Debian's own archive first (buildah, as root).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.images.sbom import QUESTION, Content, Differs, bill
from infra.supply.digests import base_image

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = "infra/images/Dockerfile"
AUTHORITIES = "/etc/ssl/certs"
# A base that is made here, and by no registry.
OWN_BASE = "localhost/bellwire-base"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates,netbase,tzdata"
LOCK = (
    "export", "--quiet", "--locked", "--no-dev", "--extra", "otel", "--no-emit-workspace", "--format", "cyclonedx1.5",
)  # fmt: skip


class CannotBuild(Exception):
    """The image was not built; the text says why, and what to type."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A program that builds images: its name, and how it is told to."""

    name: str

    def build(self, image: str, base: str, authorities: bool) -> list[str]:
        """The command that builds from the top of the checkout."""
        command = {
            "docker": ["docker", "build"],
            # Docker's own format: the other one has no HEALTHCHECK.
            "podman": ["podman", "build", "--format", "docker"],
            "buildah": ["buildah", "build", "--format", "docker"],
        }[self.name]
        if self.name == "buildah" and os.geteuid() == 0:
            # Needs no rights that a container may lack.
            command += ["--isolation", "chroot"]
        if authorities:
            command += ["--volume", f"{AUTHORITIES}:{AUTHORITIES}:ro"]
        return [*command, "--build-arg", f"PYTHON_IMAGE={base}", "-f", DOCKERFILE, "-t", image, "."]

    def ask(self, image: str) -> str:
        """Let the image's own Python answer what is in it."""
        words = ["/opt/bellwire/bin/python", "-c", QUESTION]
        if self.name != "buildah":
            return _run(
                [self.name, "run", "--rm", "--network", "none", "--entrypoint", words[0], image, *words[1:]]
            )
        container = _run(["buildah", "from", "--pull-never", image]).strip()
        try:
            isolation = ["--isolation", "chroot"] if os.geteuid() == 0 else []
            return _run(["buildah", "run", *isolation, container, "--", *words])
        finally:
            _run(["buildah", "rm", container])


def find_builder(name: str | None = None) -> Builder:
    """The one that is asked for, or the first that is here and works; docker without its daemon does not.

    Raises:
        CannotBuild: there is none.
    """
    for each in [name] if name else ["docker", "podman", "buildah"]:
        if shutil.which(each) and _works([each, "info"]):
            return Builder(each)
    wanted = name or "docker (with its daemon), podman or buildah"
    raise CannotBuild(f"there is no {wanted} that works here: sudo apt-get install buildah")


def make_base() -> str:
    """Make a base like the official one out of Debian's archive: its Python 3.11, no registry asked.

    Raises:
        CannotBuild: this is not root, or a tool is missing.
    """
    missing = [tool for tool in ("mmdebstrap", "buildah") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        raise CannotBuild("--from-debian is root's, with: apt-get install mmdebstrap buildah")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "base.tar")
        # As the official base has it: `python` is there, and pip may install into it.
        hook = (
            'ln -s python3 "$1/usr/bin/python"; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; '
            'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin'
        )
        _show(["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", f"--customize-hook={hook}", "bookworm",
               str(archive)])  # fmt: skip
        container = _run(["buildah", "from", "scratch"]).strip()
        _run(["buildah", "add", container, str(archive), "/"])
        _run(["buildah", "commit", "--rm", "--format", "docker", container, OWN_BASE])
    return f"{OWN_BASE}:latest"


def list_content(builder: Builder, image: str, folder: Path) -> Path:
    """Write the list of what is in the image, and return the file.

    Raises:
        CannotBuild: the image is not what the lock says.
    """
    locked = json.loads(_run([str(Path(sys.executable).with_name("uv")), *LOCK]))
    try:
        document = bill(locked, Content.read(builder.ask(image)), image)
    except Differs as exc:
        raise CannotBuild(str(exc)) from exc
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{image.rpartition('/')[2].replace(':', '-')}.cdx.json"
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return file


def version() -> str:
    """The release's version, which is the image's tag."""
    text = (ROOT / "infra" / "k8s" / "base" / "release.yaml").read_text(encoding="utf-8")
    return next(line.split()[1] for line in text.splitlines() if line.startswith("  version:"))


def _works(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _show(command: Sequence[str]) -> None:
    print("+", " ".join(command), flush=True)
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise CannotBuild(f"{command[0]} ended with an error; its last lines say why")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotBuild(f"`{' '.join(command[:2])}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def main() -> None:
    """Build, list, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builder", choices=["docker", "podman", "buildah"])
    parser.add_argument(
        "--tag", default=f"bellwire:{version()}", help="the image's name (bellwire:<version>)"
    )
    parser.add_argument(
        "--python-image", help="the base, with its digest for a release (`make image-digests`)"
    )
    parser.add_argument("--from-debian", action="store_true", help="make the base from Debian's archive")
    parser.add_argument(
        "--host-authorities", action="store_true",
        help="while building, trust whom this machine trusts, as behind a proxy that opens TLS; not with docker",
    )  # fmt: skip
    words = parser.parse_args()
    try:
        builder = find_builder("buildah" if words.from_debian else words.builder)
        if words.host_authorities and builder.name == "docker":
            raise CannotBuild(
                "docker cannot lend a folder to a build: use podman or buildah for --host-authorities"
            )
        base = make_base() if words.from_debian else words.python_image or base_image()
        _show(builder.build(words.tag, base, words.host_authorities))
        listed = list_content(builder, words.tag, ROOT / "dist")
    except CannotBuild as exc:
        sys.exit(f"No image: {exc}.")
    print(f"{words.tag} on {base}, by {builder.name}; what is in it: {listed.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

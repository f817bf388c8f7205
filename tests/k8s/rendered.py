"""The manifests as a cluster would get them, rendered once a run by kubectl's own Kustomize."""

import functools
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.local.kubectl import find_kubectl

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "infra" / "k8s"
OVERLAYS = tuple(sorted(f"overlays/{folder.name}" for folder in (K8S / "overlays").iterdir()))
TARGETS = ("base", *OVERLAYS)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION: str = PROJECT["project"]["version"]

# libyaml's where PyYAML was built with it: ten times as fast.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Resource = dict[str, Any]


@functools.cache
def rendered(target: str) -> str:
    """The YAML of one folder of infra/k8s."""
    return render(K8S / target)


def render(folder: Path) -> str:
    """The YAML of a folder; a warning of Kustomize counts as a failure."""
    kubectl = find_kubectl()
    done = subprocess.run(
        [kubectl.path, "kustomize", folder],
        env=kubectl.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower(), done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Manifests:
    """All resources of one rendering, with the questions that the policy asks of them."""

    resources: tuple[Resource, ...]

    @classmethod
    def of(cls, text: str) -> "Manifests":
        return cls(tuple(document for document in yaml.load_all(text, Loader=SAFE_LOADER) if document))

    def kind(self, *kinds: str) -> list[Resource]:
        return [resource for resource in self.resources if resource["kind"] in kinds]

    def workloads(self) -> list[Resource]:
        return self.kind("Deployment", "StatefulSet", "DaemonSet", "Job")

    def only(self, kind: str, name: str) -> Resource:
        (found,) = [resource for resource in self.kind(kind) if resource["metadata"]["name"] == name]
        return found

    def labelled(self, label: str, value: str) -> "Manifests":
        """The objects that `kubectl apply -l label=value` would apply."""
        return Manifests(
            tuple(r for r in self.resources if r["metadata"].get("labels", {}).get(label) == value)
        )

    def names(self, kind: str) -> set[str]:
        return {resource["metadata"]["name"] for resource in self.kind(kind)}

    def settings(self) -> dict[str, str]:
        """The settings of the shared ConfigMap in every pod."""
        maps = [m for m in self.kind("ConfigMap") if m["metadata"]["name"].startswith("bellwire-settings")]
        return {key: value for settings in maps for key, value in settings["data"].items()}

    def selected(self, selector: Resource) -> list[Resource]:
        """Workloads whose pods the selector takes; an empty selector takes all."""
        return [workload for workload in self.workloads() if matches(selector, pod_labels(workload))]


def pod(workload: Resource) -> Resource:
    spec: Resource = workload["spec"]["template"]["spec"]
    return spec


def pod_labels(workload: Resource) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def containers(workload: Resource) -> Iterator[Resource]:
    yield from pod(workload)["containers"]
    yield from pod(workload).get("initContainers", [])


def matches(selector: Resource, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "the policy knows no other operator yet"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True

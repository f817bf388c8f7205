"""Only a kubectl that can render our manifests is taken; an older one is passed over."""

from pathlib import Path

import pytest

from infra.local import kubectl
from infra.local.kubectl import can_render, find_kubectl


def sample(folder: Path, answer: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("answer", "new_enough"),
    [
        ('{"clientVersion": {"gitVersion": "v1.34.5"}, "kustomizeVersion": "v5.7.1"}', True),
        ('{"clientVersion": {"gitVersion": "v1.27.0"}, "kustomizeVersion": "v5.0.1"}', True),
        ('{"clientVersion": {"gitVersion": "v1.24.0"}, "kustomizeVersion": "v4.5.4"}', False),
        # Debian 12's own does not know the word.
        ('{"clientVersion": {"gitVersion": "v1.20.2"}}', False),
        ("error: unknown flag", False),
    ],
)
def test_a_kubectl_is_taken_by_the_kustomize_that_it_carries(
    answer: str, new_enough: bool, tmp_path: Path
) -> None:
    assert can_render(sample(tmp_path, answer)) is new_enough


def test_a_fetched_kubectl_is_used_when_the_one_on_path_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sample(tmp_path / "bin", '{"clientVersion": {"gitVersion": "v1.20.2"}}')
    monkeypatch.setattr(kubectl, "on_path", lambda name: old)
    ours = sample(tmp_path / "tools" / "kubectl", "{}")
    assert find_kubectl(tools_dir=tmp_path / "tools").path == ours

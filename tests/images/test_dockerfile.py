"""The image, without building it: its sources exist, it is not root, it gets its signals."""

import fnmatch
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from infra.supply.digests import base_image

ROOT = Path(__file__).resolve().parents[2]
HASHED = ("infra/local/uv.txt", "infra/images/requirements.txt", "infra/images/build.txt")
TEXT = (ROOT / "infra" / "images" / "Dockerfile").read_text(encoding="utf-8")
JOINED = re.sub(r"\\\n\s*", " ", TEXT)
INSTRUCTIONS = [line.split(maxsplit=1) for line in JOINED.splitlines() if line and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def values(instruction: str) -> list[str]:
    return [value for name, value in INSTRUCTIONS if name == instruction]


def copied_from_the_checkout() -> list[str]:
    copies = [value.split() for value in values("COPY") if not value.startswith("--from")]
    return [source for words in copies for source in words[:-1]]


def sent_to_the_builder(path: str) -> bool:
    """Docker's rule: the last pattern that matches a path, or a folder above it, decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        above = [path, *(str(parent) for parent in Path(path).parents)]
        if any(fnmatch.fnmatch(part, pattern.removeprefix("**/")) for part in above):
            sent = line.startswith("!")
    return sent


def test_every_source_that_is_copied_exists_and_reaches_the_builder() -> None:
    for source in copied_from_the_checkout():
        assert (ROOT / source).exists(), source
        assert sent_to_the_builder(source), source


def test_nothing_private_reaches_the_builder() -> None:
    for path in (
        ".git/config",
        ".bellwire/demo.json",
        ".venv/bin/python",
        ".tools/x",
        "tests/conftest.py",
        "x.env",
    ):
        assert not sent_to_the_builder(path), path


def test_every_package_of_the_wheel_is_in_the_image() -> None:
    packages = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == set(copied_from_the_checkout()) - {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "hatch_build.py",
        "sdk/python",
        "sdk/js/src",
        "web",
        *HASHED,
    }


def test_both_stages_stand_on_one_pinned_python_that_the_project_supports() -> None:
    assert {value.split()[0] for value in values("FROM")} == {"${PYTHON_IMAGE}"}
    # By a tag; a release gives the digest, which `make image-digests` asks for.
    version = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base_image())
    assert version is not None, "pinned to a patch release"
    lowest = re.fullmatch(r">=(\d+)\.(\d+)", PROJECT["project"]["requires-python"])
    assert lowest is not None
    assert tuple(map(int, version.groups()[:2])) >= tuple(map(int, lowest.groups()))


def test_whatever_is_installed_is_known_by_its_hash_and_nothing_else_is() -> None:
    commands = [part.strip() for value in values("RUN") for part in value.split("&&")]
    installs = [command for command in commands if "pip install" in command]
    assert len(installs) == 4
    for command in installs:
        # The last one is of the wheels that were built from the checkout, and may ask for nothing.
        assert "--require-hashes" in command or {"--no-deps", "--no-index"} <= set(command.split()), command
    named = {word for command in installs for word in command.split() if word.endswith(".txt")}
    assert named == {Path(file).name for file in HASHED}
    builds = [command for command in commands if command.startswith("uv build")]
    assert [command.split()[-1] for command in builds] == [".", "sdk/python"]
    assert all("--no-build-isolation" in command for command in builds)


@pytest.mark.parametrize("file", [*HASHED, "requirements.txt"])
def test_each_requirement_is_one_version_with_hashes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+(\[[a-z,-]+\])?==\S+ ", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line


def test_the_first_minute_of_a_checkout_installs_the_same_uv() -> None:
    script = (ROOT / "infra" / "local" / "bootstrap.sh").read_text(encoding="utf-8")
    installs = [line for line in script.splitlines() if "pip install" in line]
    assert len(installs) == 1
    assert "--require-hashes -r infra/local/uv.txt" in installs[0]


def test_the_image_runs_as_the_number_that_the_manifests_name() -> None:
    (user,) = values("USER")
    assert user == "65532:65532"
    for name in ("api", "gateway", "migrate"):
        documents = yaml.safe_load_all((ROOT / f"infra/k8s/base/{name}.yaml").read_text(encoding="utf-8"))
        (workload,) = [document for document in documents if document["kind"] in {"Deployment", "Job"}]
        context = workload["spec"]["template"]["spec"]["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == user


def test_signals_reach_the_process_itself() -> None:
    (entrypoint,) = values("ENTRYPOINT")
    assert json.loads(entrypoint) == ["bellwire"]
    assert values("STOPSIGNAL") == ["SIGTERM"]
    assert not values("CMD")
    assert "bellwire" in PROJECT["project"]["scripts"]


def test_a_container_says_whether_its_pod_is_alive() -> None:
    (check,) = values("HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", "bellwire.alive"]
    assert (ROOT / "bellwire" / "alive.py").exists()


def test_no_secret_is_baked_in() -> None:
    assert [value.partition("=")[0] for value in values("ARG")] == ["PYTHON_IMAGE"]
    assert not re.search(r"(?i)(secret|password|token|_key)\s*=", JOINED)

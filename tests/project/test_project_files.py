"""The files at the top of the repository hold: CI, hooks and texts name what exists, the license is whole."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
PYTHONS = ("3.11", "3.12", "3.13")
# https://www.apache.org/licenses/LICENSE-2.0.txt
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# A `make` and its targets, up to what is no target: options, ARGS=…, the end of the command.
MAKE = re.compile(r"\bmake((?: +-[\w-]+)*(?: +[a-z][a-z-]*(?![\w.=/]))+)")


def jobs(workflow: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()


def commands(workflow: Path) -> list[str]:
    return [step["run"] for job in jobs(workflow) for step in job["steps"] if "run" in step]


def hooks() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    return [hook for repository in config["repos"] for hook in repository["hooks"]]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE))


def asked_of_make(text: str) -> set[str]:
    return {word for found in MAKE.findall(text) for word in found.split() if not word.startswith("-")}


def texts() -> list[Path]:
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_a_person_types_and_may_write_nothing(workflow: Path) -> None:
    whole = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert whole["permissions"] == {"contents": "read"}
    for job in jobs(workflow):
        assert job["timeout-minutes"] <= 60
        for action in [step["uses"] for step in job["steps"] if "uses" in step]:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), "a tag may be moved"
    asked = set().union(*map(asked_of_make, commands(workflow)))
    assert asked
    assert asked <= targets()


def test_ci_checks_and_tests_on_each_python_that_we_support() -> None:
    (job,) = jobs(ROOT / ".github" / "workflows" / "ci.yml")
    assert tuple(job["strategy"]["matrix"]["python"]) == PYTHONS
    assert PROJECT["requires-python"].startswith(f">={PYTHONS[0]}")
    assert "${{ matrix.python }}" in job["container"]
    assert [c for c in commands(ROOT / ".github/workflows/ci.yml") if c.startswith("make")] == [
        "make check",
        "make cov",
        "make test-all",
    ]


def test_hooks_call_what_ci_calls_without_what_is_long() -> None:
    wanted = set().union(*map(asked_of_make, commands(ROOT / ".github" / "workflows" / "ci.yml")))
    asked = set().union(*(asked_of_make(hook["entry"]) for hook in hooks()))
    assert {"check", "test"} <= asked
    assert {"test-all" if target == "test" else target for target in asked} <= wanted


def test_every_make_target_that_a_text_names_exists() -> None:
    for path in texts():
        for code in re.findall(r"`(make [^`]*)`|^(make .*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            command = re.split(r"[#|;&]", "".join(code))[0]
            assert asked_of_make(command) <= targets(), f"{path.relative_to(ROOT)}: {command}"


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("make check", {"check"}),
        ("make -s test-all && make cov", {"test-all", "cov"}),
        ('make test ARGS="tests/local -x"', {"test"}),
        ("make simulate SEEDS=50000", {"simulate"}),
    ],
)
def test_a_command_is_read_as_make_reads_it(command: str, asked: set[str]) -> None:
    assert asked_of_make(command) == asked


def test_each_figure_of_what_it_costs_stands_in_the_table_of_what_was_measured() -> None:
    def figures(page: str) -> set[str]:
        text = (ROOT / page).read_text(encoding="utf-8")
        table = text.split("\n## What it costs\n", 1)[1].split("\n## ", 1)[0]
        rows = "\n".join(line for line in table.splitlines() if line.startswith("|"))
        return set(re.findall(r"\d+(?:[.,]\d+)*", rows))

    assert figures("README.md") <= figures("docs/performance.md")


def test_the_license_is_the_one_that_the_project_names_to_the_letter() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2

"""A program on somebody's machine takes nothing away there that it did not make. Each place that removes, kills or
switches off something is listed here with what it may touch; a new one has to be thought about, and added."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bellwire", "infra", "loadtests", "benchmarks", "chaos", "drill", "conformance")

REMOVES = {"rmtree", "unlink", "rmdir", "removedirs", "kill", "killpg", "send_signal", "umount"}
# Where one of these is called, and on what.
THOUGHT_ABOUT = {
    "infra/local/pages/acts.py": "a gateway of the demo's own cluster, which brings it back",
    "infra/local/pages/opening.py": "a file of its own beside demo.json, by exact name",
    "infra/local/workdir.py": "what bears our mark, of a dead owner; our own folder when it is empty",
    "infra/local/child.py": "a process that we started, by its handle",
    "infra/local/pods.py": "a child's process",
    "infra/local/postgres.py": "a child's process; two files of a directory of ours",
    "infra/local/backed_up.py": "a child's process; the data directory of a server of ours",
    "infra/local/valkey.py": "a child's process",
    "infra/local/haproxy.py": "a child's process",
    "infra/local/check.py": "a pod of its own cluster",
    "infra/local/manifest.py": "demo.json and its lock, by exact name, of nobody who lives",
    "infra/local/logbook.py": "logs of a run, by exact name",
    "infra/local/debian_tool.py": "what was fetched, which bears a mark",
    "infra/local/wstest.py": "its own scratch folder",
    "infra/local/postgres_binaries.py": "its own scratch folder",
    "conformance/fuzzing.py": "one report of an earlier run",
    "benchmarks/fanout/crowd.py": "its own file and process",
    "benchmarks/fanout/servers.py": "a process that it started",
    "benchmarks/fanout/nchan.py": "an empty folder that it made",
    "benchmarks/deflate.py": "a process that it started",
    "benchmarks/carry.py": "a process that it started",
    "loadtests/estate.py": "the file of slugs that it wrote",
    "loadtests/deploy.py": "a pod of the demo that the tester asked to deploy, seen to be one by its command line",
    "loadtests/run.py": "its own child, and files of its own by exact name",
    "loadtests/hosts.py": "a process that it started, by its handle",
    "infra/local/certificate.py": "two files of its own, in places of its own",
    "benchmarks/storm.py": "a pod, a process and a file of its own",
    "chaos/redis_rows.py": "its own server",
    "chaos/postgres_rows.py": "its own server",
    "chaos/rows.py": "its own pods and server",
    "chaos/runner.py": "its own child",
    "drill/faults/haproxy_stopped.py": "its own balancer",
    "drill/faults/postgres_stopped.py": "its own server",
    "drill/faults/standby_lost.py": "its own server",
}
# Programs that reach beyond what we made, whoever starts them.
NEVER = re.compile(
    r"\b(systemctl|pkill|killall|update-rc\.d|invoke-rc\.d|policy-rc\.d|insserv|apt-get remove|mkfs)\b"
)


def called(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
        elif isinstance(node, ast.Attribute):
            yield node.attr  # handed to somebody who calls it


def test_every_place_that_removes_or_kills_is_thought_about_and_no_other_is_listed() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if REMOVES & set(called(path))
    }
    assert found == set(THOUGHT_ABOUT)


@pytest.mark.parametrize("package", [*PACKAGES, "Makefile"])
def test_nothing_that_runs_on_a_host_switches_off_what_is_the_host_s(package: str) -> None:
    place = ROOT / package
    for path in [place] if place.is_file() else place.rglob("*"):
        if path.is_file() and (path.suffix in {".py", ".sh"} or path.name == "Makefile"):
            assert not NEVER.search(path.read_text()), path


def test_a_recursive_removal_in_a_script_names_what_make_made_and_no_pattern() -> None:
    for path in (ROOT / "Makefile", ROOT / "infra" / "local" / "bootstrap.sh"):
        for line in path.read_text().splitlines():
            if "rm -r" in line and "__pycache__" not in line:
                words = line.split("rm -rf")[-1].replace(";", " ").replace("\\", " ").split()
                assert all(
                    re.fullmatch(r"(gateway/[\w/]*libfanout\.so|\.[a-z_]+(/[\w.]+)?|fi)", word)
                    for word in words
                ), line

"""locust itself reads our locustfile; in a process of its own, whose sockets locust may patch."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_locust_finds_a_storefront_and_a_terminal() -> None:
    done = locust("--list")
    assert done.returncode == 0, done.stderr
    assert {"StorefrontUser", "TerminalUser"} <= set(done.stdout.split())


def test_without_a_demo_locust_ends_with_one_sentence_and_1(tmp_path: Path) -> None:
    done = locust("--headless", "-u", "1", "-t", "1s", "--demo-file", str(tmp_path / "demo.json"))
    assert done.returncode == 1
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr

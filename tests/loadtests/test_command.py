"""`bellwire-load` explains what there is, and refuses what is wrong in a sentence before it asks a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loadtests.command import main
from loadtests.core.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(words), env={"BELLWIRE_KEY": "", **environment})


def test_list_explains_every_profile() -> None:
    done = command("list")
    assert done.exit_code == 0
    for name, profile in PROFILES.items():
        assert name in done.output
        assert profile.line in done.output


def test_the_limits_that_come_along_are_limits() -> None:
    done = command("run", "smoke", "--demo-file", "/nowhere/demo.json")
    assert done.exit_code == 1
    assert "make demo" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nonsense"), "smoke"),
        (("run", "smoke", "--host", "https://orders.example.com"), "--remote orders.example.com"),
        (("run", "smoke", "--host", "https://orders.example.com", "--remote", "example.com"), "once more"),
        (("run", "smoke", "--host", "orders.example.com"), "is an address"),
        (("run", "smoke", "--host", "http://127.0.0.1:1"), "--operator-key-file"),
        (("run", "smoke", "--rate", "many"), "many"),
        (
            ("run", "smoke", "--host", "http://127.0.0.1:1", "--rate", "0", "--shops", "0"),
            "--shops is a number",
        ),
        (("run", "smoke", "--host", "http://127.0.0.1:1", "--pod", "api"), "NAME=URL"),
        (("run", "rolling", "--host", "http://127.0.0.1:1"), "--deploy"),
    ],
)
def test_what_is_wrong_is_said_and_ends_with_2(words: tuple[str, ...], said: str) -> None:
    key = {} if "operator-key" in said else {"BELLWIRE_KEY": "bw_op_x"}
    done = command(*words, **key)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split())


def test_each_option_can_be_given_by_the_environment() -> None:
    done = command(
        "run", "smoke", "--host", "http://127.0.0.1:1", BELLWIRE_LOAD_RUN_RATE="0", BELLWIRE_KEY="x"
    )
    assert done.exit_code == 2
    assert "--rate is a number" in done.output


def test_limits_that_are_none_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text("p99 = 5", encoding="utf-8")
    done = command(
        "run", "smoke", "--host", "http://127.0.0.1:1", "--thresholds", str(file), BELLWIRE_KEY="bw_op_x"
    )
    assert done.exit_code == 2
    assert "p99: nothing reads that" in done.output


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = command(
        "run", "smoke", "--host", "http://127.0.0.1:1", "--results", str(tmp_path), BELLWIRE_KEY="bw_op_x"
    )
    assert done.exit_code == 1
    assert "nobody answers at http://127.0.0.1:1" in done.output


def test_nothing_that_is_open_needs_no_cleaning(tmp_path: Path) -> None:
    done = command("clean", "--results", str(tmp_path))
    assert (done.exit_code, done.output) == (0, "nothing was left open\n")


def a_report(path: Path, milliseconds: int) -> str:
    windows = [[second, 0, 0, {str(milliseconds): 50}] for second in range(60)]
    content = {
        "format": 1,
        "profile": "steady",
        "rows": {"EVENT order → websocket (probe)": {"windows": windows}},
    }
    path.write_text(json.dumps({**content, "ramp": None, "faults": {}}), encoding="utf-8")
    return str(path)


def test_compare_ends_with_1_when_something_got_worse(tmp_path: Path) -> None:
    quick, slow = a_report(tmp_path / "a.json", 400), a_report(tmp_path / "b.json", 450)
    assert command("compare", quick, quick).exit_code == 0
    worse = command("compare", quick, slow)
    assert worse.exit_code == 1
    assert "worse" in worse.output
    better = command("compare", slow, quick)
    assert better.exit_code == 0
    assert "better" in better.output


def test_compare_refuses_what_is_no_report(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("{}", encoding="utf-8")
    done = command("compare", str(file), str(file))
    assert done.exit_code == 1
    assert "is not a report" in done.output


def test_locust_by_hand_is_told_what_to_type() -> None:
    words = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "loadtests/locustfile.py",
        "--headless",
        "-u",
        "1",
        "-t",
        "1s",
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    assert "bellwire-load run smoke" in done.stderr
    assert "Traceback" not in done.stderr

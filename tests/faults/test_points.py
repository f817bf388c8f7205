"""Named fault points: read strictly, absent unless asked for, and doing what they say in a process of their own."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backbone.runtime.faults import ACTIONS, FAULTS, POINTS, FaultInjected, WrongFault, load_faults
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("loop_in_debug_mode")


def test_nothing_is_switched_on_by_itself() -> None:
    assert FAULTS is None
    assert load_faults("") is None


@pytest.mark.parametrize(
    "text",
    [
        "nowhere:kill:1",
        "read:explode:1",
        "read:kill:2",
        "read:kill:x",
        "read",
        "read:kill:-1",
        "read:kill:nan",
    ],
)
def test_a_fault_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(WrongFault, match="BELLWIRE_FAULT"):
        load_faults(text)


def test_a_pod_with_a_wrong_fault_does_not_start_and_says_why_in_a_sentence() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bellwire", "api"],
        cwd=ROOT, env={"BELLWIRE_FAULT": "nowhere:kill:1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "nowhere:kill:1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_only_the_point_that_was_named_is_hit() -> None:
    faults = load_faults("read:raise:1,appended:delay:0")
    assert faults is not None
    faults.hit("mid_send")
    faults.hit("appended")
    with pytest.raises(FaultInjected, match="read"):
        faults.hit("read")


async def test_a_delay_where_waiting_is_allowed_raises_nothing_and_a_raise_does() -> None:
    faults = load_faults("after_commit:delay:1,before_write:raise:1")
    assert faults is not None
    await faults.pause("after_commit")
    with pytest.raises(FaultInjected):
        await faults.pause("before_write")


def passing(spec: str) -> subprocess.Popen[bytes]:
    """A process that passes one point and then says so."""
    code = "from backbone.runtime.faults import FAULTS; FAULTS and FAULTS.hit('read'); print('passed')"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env={"BELLWIRE_FAULT": spec}, stdout=subprocess.PIPE
    )


def test_kill_is_a_kill() -> None:
    process = passing("read:kill:1")
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == -9


def test_stop_is_a_stop_of_the_whole_process_that_ends_by_itself() -> None:
    began = time.monotonic()
    process = passing("read:stop:1")
    state = Path(f"/proc/{process.pid}/stat")
    while state.read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    assert process.communicate(timeout=60)[0] == b"passed\n"
    assert time.monotonic() - began > 4


def test_every_point_is_passed_somewhere_in_the_code_and_every_passed_point_is_known() -> None:
    sources = [path.read_text() for part in ("api", "gateway") for path in (ROOT / part).rglob("*.py")]
    passed = {name for source in sources for name in re.findall(r'FAULTS\.(?:hit|pause)\("(\w+)"\)', source)}
    assert passed == set(POINTS)
    assert len(ACTIONS) == 4


def test_no_point_is_passed_unless_faults_are_on() -> None:
    for part in ("api", "gateway"):
        for path in (ROOT / part).rglob("*.py"):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                if "FAULTS." in line:
                    assert lines[number - 1].strip().startswith("if FAULTS"), f"{path}:{number + 1}"

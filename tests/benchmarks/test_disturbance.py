"""A turn beside a stranger says so, and one that had the machine to itself does not."""

import os
import subprocess
import sys
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fanout.cpu import cpu_seconds, cpu_seconds_of, family
from benchmarks.fanout.disturbance import FOREIGN_LIMIT, STEAL_LIMIT, Reading, between, cpu_line

START = Reading(at=100.0, busy=50.0, stolen=1.0, ours=20.0)
SECONDS = st.floats(0.1, 1000)
SHARE = st.floats(0, 2)


@given(seconds=SECONDS, ours=SHARE)
def test_what_we_use_ourselves_disturbs_nobody(seconds: float, ours: float) -> None:
    used = ours * seconds
    end = replace(START, at=START.at + seconds, busy=START.busy + used, ours=START.ours + used)
    assert not between(START, end, 0.0, 9.0).disturbed


@given(seconds=SECONDS, ours=SHARE, foreign=st.floats(FOREIGN_LIMIT + 0.01, 2))
def test_time_that_is_not_ours_is_a_strangers(seconds: float, ours: float, foreign: float) -> None:
    busy = START.busy + (ours + foreign) * seconds
    end = replace(START, at=START.at + seconds, busy=busy, ours=START.ours + ours * seconds)
    found = between(START, end, 0.0, 0.0)
    assert found.disturbed
    assert abs(found.foreign - foreign) < 0.001


@given(seconds=SECONDS, steal=st.floats(STEAL_LIMIT + 0.01, 2))
def test_time_that_the_hypervisor_kept_disturbs(seconds: float, steal: float) -> None:
    assert between(
        START, replace(START, at=START.at + seconds, stolen=START.stolen + steal * seconds), 0, 0
    ).disturbed


def test_steal_is_the_eighth_number_of_the_first_line() -> None:
    stat = "cpu  765851 6098 222310 1325709 5029 3 14701 719 11 12\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
    assert cpu_line(stat) == [765851, 6098, 222310, 1325709, 5029, 3, 14701, 719]


def test_a_grandchild_belongs_to_the_family_and_its_time_counts() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ntime.sleep(60)"
    relay = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    with subprocess.Popen([sys.executable, "-c", relay], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"done\n"
            members = family(os.getpid())
            assert child.pid in members
            grown = [pid for pid in family(child.pid) if pid != child.pid]
            assert len(grown) == 1
            assert cpu_seconds(grown[0]) >= 0.19
            assert cpu_seconds_of(family(child.pid)) >= 0.19
        finally:
            for pid in family(child.pid)[1:]:
                os.kill(pid, 9)
            child.wait()


def test_a_process_that_is_gone_counts_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert cpu_seconds_of([child.pid]) == 0.0

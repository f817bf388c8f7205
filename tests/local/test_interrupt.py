"""Signals to a demo: heard from the first moment on, and where make cannot hear them, said."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from infra.local.interrupt import ignores_interrupts
from infra.local.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_that_a_script_put_into_the_background_is_known_to_ignore_ctrl_c() -> None:
    # The tests themselves may have been put into the background.
    hearing = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "os.execvp('sh', ['sh', '-c', 'sleep 60 & echo $!; wait'])"
    )
    with subprocess.Popen([sys.executable, "-c", hearing], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        job = int(shell.stdout.readline())
        assert wait_until(lambda: ignores_interrupts(job), 5.0)
        assert not ignores_interrupts(shell.pid)
        os.kill(job, signal.SIGTERM)
    assert not ignores_interrupts(job)


def test_ctrl_c_while_modules_are_being_read_ends_it_without_a_traceback_even_if_it_was_ignored() -> None:
    """A module that takes for ever stands in for those of the demo."""
    code = (
        "import signal, sys, types, time, runpy\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'infra.local.demo':\n"
        "            print('reading', flush=True)\n"
        "            time.sleep(60)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "runpy.run_module('infra.local', run_name='__main__')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline() == "reading\n"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(10) == -signal.SIGINT
        assert demo.stderr is not None
        assert demo.stderr.read() == ""

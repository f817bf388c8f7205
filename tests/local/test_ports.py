"""A port is given to one process at a time, and is free again when that process is gone."""

import subprocess
import sys

import pytest

from infra.local import ports
from infra.local.ports import free_port
from tests.conftest import ROOT

HOLDER = """
import sys
from infra.local import ports
ports.LOWEST = ports.HIGHEST = int(sys.argv[1])
print(ports.free_port(), flush=True)
sys.stdin.read()
"""


def test_a_port_that_another_process_was_given_is_ours_only_when_that_process_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    ports._given.pop(port).close()
    monkeypatch.setattr(ports, "LOWEST", port)
    monkeypatch.setattr(ports, "HIGHEST", port)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(port)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"%d\n" % port
        with pytest.raises(OSError, match="no free port"):
            free_port()
        holder.kill()
    assert free_port() == port
    with pytest.raises(OSError, match="no free port"):
        free_port()

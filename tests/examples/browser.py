"""A browser that a reader has open: it goes to an address, types, presses a button, and says what is to be seen."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from re import Pattern
from typing import Any

import pytest
from websockets.sync.client import connect

from infra.local.child import Child
from infra.local.chromium import ARGUMENTS, find_chromium
from infra.local.debian_tool import ToolMissing
from infra.local.waiting import wait_until

SECONDS = 60.0
TYPE = """(() => { const field = [...document.querySelectorAll("input")].find((one) => one.offsetParent);
  field.value = TEXT; field.form.requestSubmit(); })()"""
PRESS = '[...document.querySelectorAll("button")].find((one) => one.textContent === TEXT).click()'


class Browser:
    """Chromium without a window, spoken to by its DevTools protocol.

    A machine without Chromium and without a way to get it fails with the one sentence that says what to type.
    """

    def __init__(self, profile: Path) -> None:
        try:
            tool = find_chromium()
        except ToolMissing as exc:
            pytest.fail(str(exc), pytrace=False)
        command: list[str | Path] = [
            tool.path, *ARGUMENTS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self._child = Child("chromium", command, env=tool.environment(), cwd=profile)
        self._child.start()
        where = profile / "DevToolsActivePort"
        there = wait_until(lambda: where.exists() and len(where.read_text().split()) == 2, SECONDS)
        if not there:
            self._child.stop()
        assert there, self._child.tail
        port, path = where.read_text().split()
        self._open = ExitStack()
        self._open.callback(self._child.stop)
        self._socket = self._open.enter_context(
            connect(f"ws://127.0.0.1:{port}{path}", proxy=None, max_size=None)
        )
        self._calls = 0
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def open(self, address: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=address)

    def type(self, text: str) -> None:
        """Type into the field that is to be seen, and press Enter."""
        self._run(TYPE, text)

    def press(self, text: str) -> None:
        """Press the button with this text."""
        self._run(PRESS, text)

    def expect(self, pattern: Pattern[str]) -> None:
        """Wait until this is to be seen."""
        until = time.monotonic() + SECONDS
        # A page that is being loaded has no body yet.
        while pattern.search(seen := str(self._evaluate("document.body?.innerText ?? ''"))) is None:
            assert time.monotonic() < until, f"no {pattern.pattern!r} on the page: {seen!r}"
            time.sleep(0.05)

    def stop(self) -> None:
        """Close it."""
        self._open.close()

    def _run(self, script: str, text: str) -> None:
        self._evaluate(script.replace("TEXT", json.dumps(text)))

    def _evaluate(self, script: str) -> Any:
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._calls += 1
        call: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        session = getattr(self, "_session", None)
        self._socket.send(json.dumps(call if session is None else {**call, "sessionId": session}))
        while (said := json.loads(self._socket.recv(SECONDS))).get("id") != self._calls:
            pass
        assert "result" in said, said
        return said["result"]

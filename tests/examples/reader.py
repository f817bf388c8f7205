"""A reader who does what a page says, block by block, in a folder that looks as theirs does.

The page's shop is called `kitchen`, as in the demo. Here each reader has a shop of their own in one cluster, and its
name is put in the place of that word; nothing else of a page is changed.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from infra.local.cluster import Cluster
from infra.local.debian_tool import find_tool
from infra.local.demo import document
from infra.local.ports import free_port
from infra.local.shops import Shop, Terminal
from tests.conftest import ROOT
from tests.examples.browser import Browser
from tests.examples.console import Console
from tests.examples.page import Block, blocks_of, pattern_of

CHECKOUT = ("sdk", "examples", ".venv")


class Reader:
    """Reads one page; what is started ends with `stop`."""

    def __init__(self, cluster: Cluster, shop: Shop, folder: Path, page_port: int) -> None:
        self._shop = shop
        self._consoles: dict[int, Console] = {}
        self._running = 1
        self._setup = ""
        self._folder = folder
        self._browser: Browser | None = None
        self._typed = 1
        self._checkout = folder / "bellwire"
        (self._checkout / ".bellwire").mkdir(parents=True)
        for name in CHECKOUT:
            (self._checkout / name).symlink_to(ROOT / name)
        demo = self._checkout / ".bellwire" / "demo.json"
        demo.write_text(json.dumps(document(cluster, [shop], {})), encoding="utf-8")
        port = cluster.url.rpartition(":")[2]
        self._ports = {"8080": port, "8000": str(page_port)}
        self._env = {
            **with_tools(os.environ), "BELLWIRE_PORT": port, "HOOK_PORT": str(free_port()), "PYTHONUNBUFFERED": "1",
            "HOME": str(folder), "PAGE_PORT": str(page_port),
        }  # fmt: skip

    def read(self, page: Path) -> None:
        """Do all that it says.

        Raises:
            AssertionError: a command failed, or something that the page shows was not to be seen.
        """
        for block in blocks_of(page):
            try:
                self._do(block)
            except AssertionError as exc:
                raise AssertionError(f"{page.name}, line {block.line}: {exc}") from exc

    def stop(self) -> None:
        """End all that was started."""
        for console in self._consoles.values():
            console.stop()
        if self._browser is not None:
            self._browser.stop()

    def _do(self, block: Block) -> None:
        body = re.sub(r"\bkitchen\b", self._shop.slug, block.body)
        match block.kind:
            case "file":
                (self._console(1).folder() / block.name).write_text(body, encoding="utf-8")
            case "ctrl-c":
                self._console(self._running).interrupt()
            case "sh":
                self._console(block.console).type(body, runs=block.runs)
                # The first block is what is typed in each console.
                self._setup = self._setup or body
                self._typed = block.console
                if block.runs:
                    self._running = block.console
            case "output":
                self._console(block.console).expect(pattern_of(body))
            case "open":
                self.browser.open(re.sub(r"(?<=:)80[08]0", lambda port: self._ports[port[0]], body.strip()))
            case "screen":
                self.browser.expect(pattern_of(body))
            case "press":
                self.browser.press(body)
            case "type":
                self.browser.type(self._console(self._typed).printed.split()[0])
            case _:
                raise AssertionError(f"nobody does a block of {block.kind}")

    @property
    def browser(self) -> Browser:
        """The reader's browser, which is started when it is needed."""
        if self._browser is None:
            profile = self._folder / "profile"
            profile.mkdir()
            self._browser = Browser(profile)
        return self._browser

    def _console(self, number: int) -> Console:
        if number not in self._consoles:
            self._consoles[number] = Console(self._checkout, self._env)
            if self._setup:
                self._consoles[number].type(self._setup)
        return self._consoles[number]


def with_tools(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which curl and jq are found: those of the system, or else fetched."""
    tools = [find_tool(name, name) for name in ("curl", "jq")]
    folders = [str(tool.path.parent) for tool in tools if tool.env]
    libraries = [tool.env["LD_LIBRARY_PATH"] for tool in tools if tool.env]
    more = {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}
    return {**env, **more, "PATH": os.pathsep.join([*folders, env["PATH"]])}


def shop_of(slug: str, answers: tuple[dict[str, str], dict[str, str]]) -> Shop:
    """A shop as the operator's two answers have it: that of its opening, and that of its terminal."""
    opened, terminal = answers
    till = Terminal(terminal["terminalId"], terminal["name"], terminal["key"])
    return Shop(slug, opened["storefrontKey"], (till,))

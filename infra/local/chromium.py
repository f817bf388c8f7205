"""A real browser without a window: Debian's Chromium, of this machine or fetched.

Knows how it is found and started. A page that it shows has to tell by itself what became of it.
"""

import os
from pathlib import Path

from infra.local.child import Child
from infra.local.debian_tool import Tool, find_tool

ARGUMENTS = (
    "--headless=new",
    # Nothing that it shows is a stranger's, and root may not have a sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)


def find_chromium() -> Tool:
    """Chromium, installed or fetched if need be.

    Raises:
        ToolMissing: it is not here and cannot be had; the text has the command to type.
    """
    tool = find_tool("chromium", "chromium")
    if not tool.env:
        return tool
    # Debian's /usr/bin/chromium is a script that begins /usr/lib/chromium's; a fetched one lies elsewhere.
    usr = tool.path.parents[1]
    folders = [tool.env["LD_LIBRARY_PATH"], *(str(folder) for folder in usr.glob("lib/*-linux-*/pulseaudio"))]
    return Tool(usr / "lib/chromium/chromium", {"LD_LIBRARY_PATH": os.pathsep.join(folders)})


def show(tool: Tool, page: str, profile: Path, *more: str) -> Child:
    """Begin to show a page, with what `profile` kept of another time; `stop` the child when it has done its work."""
    command: list[str | Path] = [tool.path, *ARGUMENTS, *more, f"--user-data-dir={profile}", page]
    child = Child("chromium", command, env=tool.environment(), cwd=profile)
    child.start()
    return child

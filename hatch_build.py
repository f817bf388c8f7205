"""Build hook: compile the gateway's fan-out where there is a compiler, and carry the pages that pods serve.

Without a compiler Python does the work of the fan-out.
"""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILE_SECONDS = 60
# As api/pages.py has them, which cannot be imported where nothing is installed yet.
PAGE_FOLDERS = ("common", "sdk", "console", "till")
PAGE_TYPES = (".css", ".html", ".js", ".svg", ".webmanifest")


def compile_fanout(root: Path) -> str | None:
    """Compile `gateway/fanout/send_all.c` next to its source; returns why it could not be, or None."""
    source = root / "gateway" / "fanout" / "send_all.c"
    library = source.with_name("libfanout.so")
    # Another machine's, maybe.
    library.unlink(missing_ok=True)
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None:
        return "there is no C compiler"
    command = [compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(source)]
    try:
        subprocess.run(command, check=True, timeout=COMPILE_SECONDS, capture_output=True)  # noqa: S603 - a compiler's
    except (OSError, subprocess.SubprocessError) as exc:
        library.unlink(missing_ok=True)
        return str(exc)
    return None


def page_files(root: Path) -> dict[str, str]:
    """The files of the pages, and where in the wheel each goes. `web/sdk` is a link and is followed."""
    found = {}
    for name in PAGE_FOLDERS:
        top = (root / "web" / name).resolve()
        for path in sorted(top.rglob("*")):
            if path.suffix in PAGE_TYPES and path.is_file() and not path.name.endswith(".test.js"):
                found[str(path)] = f"api/web/{name}/{path.relative_to(top).as_posix()}"
    return found


def platform_tag() -> str:
    """This platform as a wheel's name says it, such as `linux_x86_64`."""
    return re.sub(r"[-.]", "_", sysconfig.get_platform())


class BuildHook(BuildHookInterface[Any]):
    """Runs for wheels and for editable installs alike."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile it and add it to what is built."""
        if self.target_name != "wheel":
            return
        # An editable install reads them where they are written.
        if version != "editable":
            build_data["force_include"].update(page_files(Path(self.root)))
        reason = compile_fanout(Path(self.root))
        if reason is not None:
            self.app.display_warning(f"the compiled fan-out was not built ({reason}); Python does its work")
            return
        build_data["artifacts"].append("gateway/fanout/libfanout.so")
        build_data["pure_python"] = False
        # The compiled library is called through ctypes and knows no Python: any version will do, on this platform.
        build_data["tag"] = f"py3-none-{platform_tag()}"

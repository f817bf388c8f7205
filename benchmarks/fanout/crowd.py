"""A crowd of sockets: `loadclient.c`, built with `cc`, driven line by line."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent
ANSWER_SECONDS = 600.0
# A list of delays is one long line.
LINE_BYTES = 1 << 24


class NoCompiler(Exception):
    """There is no C compiler; the text says what to type."""


async def build(name: str, folder: Path) -> Path:
    """Compile `name`.c into `folder`.

    Raises:
        NoCompiler: there is none.
    """
    if shutil.which("cc") is None:
        raise NoCompiler("The benchmark's client is written in C: sudo apt-get install gcc libc6-dev")
    program = folder / name
    process = await asyncio.create_subprocess_exec("cc", "-O2", "-o", program, HERE / f"{name}.c")
    if await process.wait() != 0:
        raise NoCompiler(f"{name}.c was not compiled")
    return program


class Crowd:
    """Sockets to one server. A line of `seats` is path, header line, first message and welcome, with tabs between."""

    def __init__(self, process: asyncio.subprocess.Process, seats: Path) -> None:
        self._process = process
        self._seats = seats

    @classmethod
    async def start(
        cls, program: Path, port: int, seats: Sequence[str], *, niceness: int = 0, arrivals: bool = False
    ) -> Self:
        """Start the client; nothing is opened yet.

        `niceness` lets the crowd give way to who feeds the server; `arrivals` asks the kernel when a frame came.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".seats", delete=False) as file:
            file.write("".join(f"{seat}\n" for seat in seats))
        words: list[str | Path] = [program, str(port), file.name, *(["arrivals"] if arrivals else [])]
        if niceness:
            words = ["nice", "-n", str(niceness), *words]
        process = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES
        )
        return cls(process, Path(file.name))

    async def ask(self, command: str) -> Any:
        """Say one of the client's commands and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n".encode())
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS))

    async def events(self, count: int, seconds: float) -> dict[str, Any]:
        """Wait until that many events were counted, and return the report; the last one when `seconds` have passed."""
        report: dict[str, Any] = await self.ask("report")
        deadline = asyncio.get_running_loop().time() + seconds
        while report["events"] < count and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
            report = await self.ask("report")
        return report

    async def stop(self) -> None:
        """End the client, and with it every socket."""
        self._seats.unlink(missing_ok=True)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

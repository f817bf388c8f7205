"""wrk as a load generator: it takes a tenth of the core that a generator in Python takes from what is measured.

Every connection sends the same finished requests again and again; statuses and latencies come back as they were.
"""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from infra.local.debian_tool import find_tool

# A thread takes the key of its number, and then each `threads`-th further one, in turns.
_SCRIPT = """
local keys, threads, pause = {%(keys)s}, {}, %(pause)d
function setup(thread) thread:set("number", #threads); table.insert(threads, thread) end
function init()
    requests, turn, statuses = {}, 0, {}
    for index = number + 1, #keys, %(threads)d do
        local headers = {["Authorization"] = "Bearer " .. keys[index], ["Content-Type"] = "application/json"}
        table.insert(requests, wrk.format("POST", %(path)s, headers, %(body)s))
    end
end
function request() turn = turn %% #requests + 1; return requests[turn] end
%(delay)s
function response(status) statuses[status] = (statuses[status] or 0) + 1 end
function done(summary, latency)
    local found = {}
    for _, thread in ipairs(threads) do
        for status, count in pairs(thread:get("statuses")) do found[status] = (found[status] or 0) + count end
    end
    local counts = {}
    for status, count in pairs(found) do table.insert(counts, string.format('"%%d": %%d', status, count)) end
    io.stderr:write(string.format('{"seconds": %%f, "p50": %%f, "p99": %%f, "lost": %%d, "statuses": {%%s}}',
        summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        table.concat(counts, ", ")))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """The answers. Latencies in milliseconds."""

    seconds: float
    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    lost: int

    @property
    def answers(self) -> int:
        """Of any status."""
        return sum(self.statuses.values())

    @property
    def placed_per_second(self) -> float:
        """Those that were 201."""
        return self.statuses.get(201, 0) / self.seconds


async def post(
    port: int,
    path: str,
    keys: Sequence[str],
    body: object,
    *,
    seconds: float,
    connections: int = 0,
    threads: int = 0,
    pause_ms: int = 0,
) -> Load:
    """Send the same body with each of the keys, on a connection each unless told otherwise.

    Raises:
        ToolMissing: wrk is not here and could not be fetched.
    """
    tool = await asyncio.to_thread(find_tool, "wrk", "wrk")
    threads = threads or len(keys)
    words = {
        "keys": ", ".join(f'"{key}"' for key in keys),
        "threads": threads,
        "path": json.dumps(path),
        "body": f"[=[{orjson.dumps(body).decode()}]=]",
        "pause": pause_ms,
        # Half to one and a half times: nobody's requests come in step.
        "delay": "function delay() return math.random(pause / 2, pause * 3 / 2) end" if pause_ms else "",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT % words)
        script.flush()
        process = await asyncio.create_subprocess_exec(
            tool.path, "-t", str(threads), "-c", str(connections or len(keys)), "-d", f"{round(seconds)}s",
            "-s", script.name, f"http://127.0.0.1:{port}",
            env=tool.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, told = await process.communicate()
    assert process.returncode == 0, said.decode() + told.decode()
    found = orjson.loads(told)
    statuses = {int(status): count for status, count in found["statuses"].items()}
    return Load(found["seconds"], statuses, found["p50"], found["p99"], found["lost"])

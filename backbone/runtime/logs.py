"""Log lines: one JSON object a line for machines, or one readable line for a console.

Log a change of state once; use a metric for everything that happens often. No key, phone, e-mail address or card
number is ever handed to a logger; as a last wall, a line that carries something shaped like a key is replaced.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from backbone.contract.keys import looks_like_key

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _redacted(line: str) -> str:
    return "a line that carried a key was withheld" if looks_like_key(line) else line


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "pod", "event", …facts, "error"?}`."""

    def __init__(self, pod: str) -> None:
        super().__init__()
        self._pod = pod

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pod": self._pod,
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _redacted(orjson.dumps(line, default=str).decode())


class TextFormatter(logging.Formatter):
    """`12:30:01.123 warning postgres.unavailable error=TimeoutError`."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone()
        facts = "".join(f" {name}={value}" for name, value in _facts(record).items())
        line = f"{moment:%H:%M:%S}.{int(record.msecs):03d} {record.levelname.lower():7} {record.getMessage()}{facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return _redacted(line)


def configure_logging(pod: str, log_format: str, level: str) -> None:
    """Send every logger's lines to stderr in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(pod) if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Lines of these at lower levels hold headers and payloads: keys, phones, card numbers.
    for name in ("uvicorn.access", "httpx", "httpcore", "websockets", "asyncio", "redis", "push_response"):
        logging.getLogger(name).setLevel(logging.WARNING)

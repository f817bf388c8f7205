"""The command's door: says in a sentence what to install where the extra `load` is not there."""

import sys

PACKAGES = ("aiohttp", "gevent", "locust", "picows", "requests", "websocket")


def main() -> None:
    """Run `bellwire-load`."""
    try:
        import aiohttp  # noqa: F401
        import picows  # noqa: F401

        from loadtests.command import main as command
    except ModuleNotFoundError as exc:
        if exc.name not in PACKAGES:
            raise
        sys.exit(f"bellwire-load needs {exc.name}, which is not installed: pip install 'bellwire[load]'")
    command()

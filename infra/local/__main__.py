"""`python -m infra.local`: what `make demo` starts. Ctrl-C works from the first moment on.

While the modules are still being read nothing runs that would have to be stopped: the signal may simply end us.
"""

import signal
import sys


def main() -> int:
    """Run the demo."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    from infra.local.demo import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())

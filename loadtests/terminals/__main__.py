"""`python -m loadtests.terminals`: a process full of terminals, as host.py has it."""

import asyncio

import uvloop

from loadtests.terminals.host import main

if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

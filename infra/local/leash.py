"""Run a program on a leash: it dies when the process that started it dies, however that happens.

Run as a script: `python -I -S leash.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]` becomes PROGRAM in the
same process. A script of its own rather than a `preexec_fn`, which is not safe in a process with threads.
Knows the kernel's parent-death signal (Linux). Does not know what it starts.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, death_signal, uid, gid = (int(text) for text in arguments[:4])
    program = arguments[4:]
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid: the kernel forgets the signal when the user changes.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the leash was on; the signal will never come.
        sys.exit(1)
    # A shell that started us in the background made SIGINT ignored, which programs inherit.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execvp(program[0], program)  # noqa: S606 - a shell would be in the way of signals
    except OSError as exc:
        print(f"{program[0]}: {exc.strerror}", flush=True)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])

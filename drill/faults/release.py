"""Every pod is replaced, one after the other, as a release does it: nobody is to be told of it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from drill.fault import Fault
from drill.place import Place
from infra.local.pods import Pod
from infra.local.waiting import wait_until

BACK_SECONDS = 120.0


@contextmanager
def broken(place: Place) -> Iterator[None]:
    for pod in place.cluster.pods:
        before = pod.restarts
        pod.send(signal.SIGTERM)
        if not wait_until(partial(is_back, pod, before), BACK_SECONDS):
            raise TimeoutError(f"{pod.name} did not come back")
        time.sleep(5)
    yield


def is_back(pod: Pod, restarts: int) -> bool:
    """Whether its next process serves."""
    return pod.restarts > restarts and pod.is_ready()


FAULT = Fault(
    "release",
    "every pod is ended and replaced, one after the other",
    broken,
    stays=240.0,
)

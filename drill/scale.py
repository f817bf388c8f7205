"""The alert rules with all their times divided by one figure, for a run that cannot wait for the real ones.

Divided are `for:`, windows, offsets, Alertmanager's waits, and the seconds by which a rate becomes a number. A figure
that an alert compares a number of seconds with stays as it is, and so does the pods' own time: a run with a factor
shows that all of it works together, and not how long it takes. Pure text.
"""

import re

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LENGTH = r"(\d+)(ms|s|m|h|d|w)\b"
PLACES = re.compile(rf"(\[|offset |for: |group_wait: |group_interval: |repeat_interval: ){LENGTH}")
# A rate over a window times this is the number of events in it.
SECONDS = re.compile(r"\* (300|1800|3600|7200|21600|86400|259200)(?= >)")


def scaled(text: str, factor: float) -> str:
    """The rules, or Alertmanager's configuration, with times that are so many times shorter."""
    if factor == 1:
        return text

    def shorter(found: re.Match[str]) -> str:
        milliseconds = max(1, round(int(found[2]) * UNITS[found[3]] / factor))
        return f"{found[1]}{milliseconds}ms"

    text = PLACES.sub(shorter, text)
    return SECONDS.sub(lambda found: f"* {int(found[1]) / factor:g}", text)

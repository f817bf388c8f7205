"""`make audit-deps`: is a weakness known of anything that is locked?

pip-audit ends with 0 and "No known vulnerabilities found" also where its source answered for no package at all. So its
report is read: each package was looked up, or it was not. Ends with 0 when all were and none is weak, with 1 when one
is weak, with 2 when some could not be looked up. Knows pip-audit's report and nothing of the packages.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("requirements.txt", "infra/images/build.txt", "infra/local/uv.txt")
SOURCES = ("pypi", "osv")
SECONDS = 300.0
NAMED = 5

FINE, WEAK, NOT_LOOKED_UP = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one source about the packages of one file."""

    looked_up: int
    weak: tuple[str, ...]
    not_looked_up: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code: a weakness counts more than a question without an answer."""
        return WEAK if self.weak else NOT_LOOKED_UP if self.not_looked_up or not self.looked_up else FINE


def judge(report: Mapping[str, Any]) -> Verdict:
    """Read a report of pip-audit in JSON."""
    looked_up, weak, missing = 0, [], []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            missing.append(str(package["name"]))
            continue
        looked_up += 1
        for found in package["vulns"]:
            fixed = ", ".join(found.get("fix_versions") or ()) or "no version yet"
            weak.append(f"{package['name']} {package['version']}: {found['id']} (mended in {fixed})")
    return Verdict(looked_up, tuple(weak), tuple(missing))


def ask(command: Sequence[str], file: str) -> Verdict | str:
    """Ask one source after another until one knows every package, and return the best answer, or why there is none."""
    best: Verdict | str = "it was not asked"
    for source in SOURCES:
        said = _ask_one(command, file, source)
        if isinstance(said, str):
            best = said if isinstance(best, str) else best
            continue
        if isinstance(best, str) or said.looked_up > best.looked_up:
            best = said
        if not said.not_looked_up:
            break
    return best


def _ask_one(command: Sequence[str], file: str, source: str) -> Verdict | str:
    words = [*command, "--disable-pip", "--require-hashes", "-r", file, "-s", source, "-f", "json"]
    try:
        done = subprocess.run(  # noqa: S603 - a list of words
            [*words, "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return judge(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return f"{source} did not answer within {SECONDS:g} s"
    except OSError as exc:
        return f"{command[0]} cannot be run ({exc.strerror})"
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines()
        return f"{source}: {lines[-1] if lines else 'no report'}"


def main(command: Sequence[str]) -> int:
    """Audit every file, tell it in a few lines, and return the exit code."""
    worst = FINE
    for file in FILES:
        said = ask(command, file)
        if isinstance(said, str):
            print(f"{file}: NOT AUDITED: {said}")
            worst = worst if worst == WEAK else NOT_LOOKED_UP
            continue
        for line in said.weak:
            print(f"{file}: {line}")
        if said.not_looked_up:
            names = ", ".join(said.not_looked_up[:NAMED])
            more = f" and {len(said.not_looked_up) - NAMED} more" if len(said.not_looked_up) > NAMED else ""
            print(f"{file}: NOT AUDITED: no source knew {names}{more}")
        print(f"{file}: {said.looked_up} packages were looked up, {len(said.weak)} weaknesses are known")
        if said.code == WEAK or worst == FINE:
            worst = said.code
    return worst


if __name__ == "__main__":
    sys.exit(main([str(Path(sys.executable).with_name("pip-audit")), "--timeout", "15"]))

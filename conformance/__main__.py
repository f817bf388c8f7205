"""Run Autobahn's fuzzing client against the gateway's protocol class and write docs/conformance.md.

`python -m conformance [--quick] [--section N …]`; ends with 1 when a case failed.
"""

import argparse
import sys

from conformance.fuzzing import ROOT, fuzz
from conformance.report import Part, report
from infra.local.debian_tool import ToolMissing
from infra.local.failure import CannotStart
from infra.local.interrupt import raise_on_signals
from infra.local.wstest import VERSION, Wstest, wstest

FOLDER = ROOT / ".bellwire" / "conformance"
PAGE = ROOT / "docs" / "conformance.md"
# Of these sections each case sends messages by the thousand, or by the megabyte.
SLOW = ("9.*",)
SLOW_DEFLATED = ("12.*", "13.*")
SHORT_DEFLATED = ("12.*.1$", "12.*.2$", "13.*.1$", "13.*.2$")
"""Of the long ones about compression those with the smallest messages; the client takes what begins so."""
BOOK = tuple(f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 10))
LEFT_OUT_QUICK = "section 9 (limits and performance), and of 12 and 13 all but the smallest messages"
SECONDS = 3 * 3600.0


def main() -> None:
    """Run, tell, and write the page when the run was a whole one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the long cases of 9, 12 and 13")
    parser.add_argument("--section", action="append", help="these cases alone, such as 6.*; writes no page")
    arguments = parser.parse_args()
    raise_on_signals()
    try:
        client = wstest(progress=print)
        parts = run(client, arguments.section or [], quick=arguments.quick)
    except (ToolMissing, CannotStart) as exc:
        sys.exit(str(exc))
    page = report(parts, LEFT_OUT_QUICK if arguments.quick else "nothing", f"Autobahn|Testsuite {VERSION}")
    print(page)
    if not arguments.section:
        PAGE.write_text(page)
    failed = [verdict for part in parts for verdict in part.verdicts if not verdict.passed]
    sys.exit(f"failed: {', '.join(verdict.case for verdict in failed)}" if failed else 0)


def run(client: Wstest, cases: list[str], *, quick: bool) -> list[Part]:
    """Both settings: as it is unless told otherwise, and with compression on."""
    print(f"running; the full report goes to {FOLDER}", flush=True)

    def part(deflate: bool, asked: list[str], left_out: tuple[str, ...]) -> Part:
        folder = FOLDER / ("deflate" if deflate else "plain")
        found = fuzz(client, asked, left_out, deflate=deflate, folder=folder, seconds=SECONDS)
        return Part("Compression on" if deflate else "Compression off", found)

    if cases:
        return [part(any(case.startswith(("12", "13")) for case in cases), cases, ())]
    # Without compression there is nothing to ask about it.
    plain = part(False, ["*"], (*SLOW_DEFLATED, *(SLOW if quick else ())))
    if quick:
        return [plain, part(True, [*BOOK, *SHORT_DEFLATED], ())]
    return [plain, part(True, ["*"], SLOW)]


if __name__ == "__main__":
    main()

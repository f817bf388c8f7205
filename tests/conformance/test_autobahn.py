"""The protocol class keeps the book, in the judgement of the Autobahn testsuite. All of it: `make conformance`."""

from pathlib import Path

import pytest

from conformance.fuzzing import Verdict, fuzz
from conformance.report import Part, report
from infra.local.wstest import wstest

# Everything but what takes minutes: limits and performance, compression with large messages.
BOOK = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
COMPRESSION = ["12.*.1$", "13.*.1$"]


@pytest.mark.timeout(600)  # The first time it fetches the client.
@pytest.mark.long
@pytest.mark.parametrize(
    ("cases", "deflate", "least"),
    [
        pytest.param(BOOK, False, 240, id="plain"),
        pytest.param([*BOOK, *COMPRESSION], True, 250, id="deflate"),
    ],
)
def test_every_case_of_the_book_passes(cases: list[str], deflate: bool, least: int, tmp_path: Path) -> None:
    verdicts = fuzz(wstest(), cases, [], deflate=deflate, folder=tmp_path, seconds=300)
    assert len(verdicts) >= least
    assert [verdict for verdict in verdicts if not verdict.passed] == []


def test_a_failed_case_is_called_failed_and_not_hidden_in_the_page() -> None:
    found = [
        Verdict("1.1.1", "OK", "OK"),
        Verdict("7.1.5", "OK", "WRONG CODE"),
        Verdict("12.1.1", "UNIMPLEMENTED", "OK"),
    ]
    assert [verdict.passed for verdict in found] == [True, False, False]
    page = report([Part("Off", found)], "nothing", "a client")
    assert "| 7 closing | 1 | 0 | 0 | 0 | 1 |" in page
    assert "- 7.1.5 (off): failed." in page
    assert "- 12.1.1 (off): failed." in page

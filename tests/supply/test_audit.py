"""`make audit-deps` tells a weakness from a question that nobody answered."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.supply import audit
from infra.supply.audit import FINE, NOT_LOOKED_UP, WEAK, judge

FOUND = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"], "aliases": [], "description": "x"}
SKIPPED = "Dependency not found on PyPI and could not be audited: aiohttp (3.14.5)"


def package(name: str, *, weak: bool = False, skipped: bool = False) -> dict[str, object]:
    if skipped:
        return {"name": name, "skip_reason": SKIPPED}
    return {"name": name, "version": "1.0", "vulns": [FOUND] if weak else []}


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=8))
def test_it_is_fine_only_when_every_package_was_looked_up_and_none_is_weak(
    kinds: list[tuple[bool, bool]],
) -> None:
    packages = [package(f"p{n}", weak=weak, skipped=skipped) for n, (weak, skipped) in enumerate(kinds)]
    verdict = judge({"dependencies": packages, "fixes": []})
    some_weak = any(weak and not skipped for weak, skipped in kinds)
    assert (verdict.code == WEAK) == some_weak
    assert (verdict.code == FINE) == (
        bool(kinds) and not some_weak and not any(skipped for _, skipped in kinds)
    )
    assert verdict.looked_up + len(verdict.not_looked_up) == len(kinds)


# The first source knows nothing, the second one does.
SECOND_SOURCE = """
said = {'skip_reason': 'x'} if source == 'pypi' else {'version': '1', 'vulns': []}
print(json.dumps({'dependencies': [{'name': 'a', **said}]}))
"""


def program(tmp_path: Path, body: str) -> list[str]:
    """A program in pip-audit's place, which gets its words."""
    script = tmp_path / "audit.py"
    script.write_text(
        f"import json, sys\nwords = sys.argv[1:]\nsource = words[words.index('-s') + 1]\n{body}\n"
    )
    return [sys.executable, str(script)]


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (
            f"print(json.dumps({{'dependencies': [{package('a')!r}]}}))",
            FINE,
            "1 packages were looked up, 0 weak",
        ),
        (
            f"print(json.dumps({{'dependencies': [{package('a', weak=True)!r}]}})); sys.exit(1)",
            WEAK,
            "a 1.0: PYSEC-2026-1 (mended in 2.0)",
        ),
        (
            f"print(json.dumps({{'dependencies': [{package('a', skipped=True)!r}]}}))",
            NOT_LOOKED_UP,
            "NOT AUDITED",
        ),
        (
            "sys.exit('ConnectionError: api.osv.dev')",
            NOT_LOOKED_UP,
            "NOT AUDITED: osv: ConnectionError: api.osv.dev",
        ),
        (
            SECOND_SOURCE,
            FINE,
            "1 packages were looked up",
        ),
    ],
    ids=["fine", "weak", "skipped", "away", "second source"],
)
def test_the_exit_code_says_which_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, code: int, told: str
) -> None:
    assert audit.main(program(tmp_path, body)) == code
    assert told in capsys.readouterr().out


def test_a_program_that_is_not_there_is_no_clean_bill(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["/no/such/pip-audit"]) == NOT_LOOKED_UP
    assert "cannot be run" in capsys.readouterr().out


def test_the_files_that_are_audited_are_all_that_is_locked() -> None:
    makefile = (Path(__file__).resolve().parents[2] / "Makefile").read_text(encoding="utf-8")
    exported = set(re.findall(r'"(\S+\.txt) --', makefile))
    # The images' own lists are parts of the whole one.
    assert exported == {*audit.FILES, "infra/images/requirements.txt", "infra/images/load.txt"}

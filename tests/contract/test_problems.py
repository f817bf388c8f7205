"""The contract's table of problems is the code's: each code with its status, and none that nothing can raise."""

import ast
import re
from pathlib import Path

from backbone.contract.errors import Problem

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$", re.M)
# These say which problems a route may answer with; they raise none.
DESCRIPTIONS = {"backbone/runtime/routes.py", "backbone/runtime/openapi.py"}


def table() -> dict[str, tuple[int, str]]:
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    section = text.partition("### Problems\n")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    assert len(rows) == section.count("\n| `")
    return {code: (int(status), repeat) for code, status, _, repeat in rows}


def raised() -> set[str]:
    """The members of `Problem` that the pods' code names outside of descriptions of routes."""
    found: set[str] = set()
    for package in ("api", "backbone", "gateway"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.relative_to(ROOT).as_posix() in DESCRIPTIONS:
                continue
            found.update(_named(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _named(node: ast.AST) -> set[str]:
    # `problems=(…)` beside a route describes, too.
    if isinstance(node, ast.keyword) and node.arg == "problems":
        return set()
    here = (
        {node.attr}
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "Problem"
        else set()
    )
    return here.union(*(_named(child) for child in ast.iter_child_nodes(node)))


def test_every_problem_is_in_the_contract_with_its_status_and_no_other_is() -> None:
    assert {code: status for code, (status, _) in table().items()} == {
        problem.code: problem.status for problem in Problem
    }


def test_no_two_problems_share_a_code() -> None:
    assert len({problem.code for problem in Problem}) == len(Problem)


def test_every_problem_can_be_raised() -> None:
    assert {problem.name for problem in Problem} == raised()


def test_a_problem_is_worth_repeating_exactly_when_its_status_says_so() -> None:
    for code, (status, repeat) in table().items():
        assert repeat.startswith("yes") == (status in (408, 429, 500, 503) or code == "still-running"), code

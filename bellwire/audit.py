"""`bellwire audit`: the findings as a table."""

from collections.abc import Sequence

from api.db.audit import Finding


def table(findings: Sequence[Finding]) -> str:
    """One line a rule, and below a broken one some of what it is broken for."""
    lines = []
    for finding in findings:
        state = "ok" if finding.broken == 0 else f"BROKEN {finding.broken}"
        lines.append(f"{state:<12} {finding.rule}")
        lines += [f"{'':<12}   {example}" for example in finding.examples]
    return "\n".join(lines)

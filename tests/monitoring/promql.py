"""Just enough of PromQL to see which metrics and labels an expression uses. promtool judges the rest."""

import re

# A recording rule's name has colons; what is in it is not a metric of a pod.
METRIC = re.compile(r"(?<![:\w])(bellwire_\w+)(?![:\w])(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
ALWAYS = {"job", "instance", "le"}


def metrics(expr: str) -> dict[str, set[str]]:
    """Metric family → labels that the expression asks of it in braces."""
    used: dict[str, set[str]] = {}
    for name, matchers in METRIC.findall(expr):
        used.setdefault(re.sub(r"_(bucket|sum|count)$", "", name), set()).update(MATCHER.findall(matchers))
    return used


def labels(expr: str) -> set[str]:
    """Every label that the expression matches or groups by, but for those that any scrape adds."""
    grouped = {label.strip() for group in GROUPING.findall(expr) for label in group.split(",")}
    matched = {label for found in metrics(expr).values() for label in found}
    return (grouped | matched) - ALWAYS - {""}

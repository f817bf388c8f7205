"""Print the rules as the Prometheus operator's PrometheusRule: the same text, two spaces further in.

    python -m infra.monitoring.prometheusrule > infra/k8s/components/prometheus-operator/prometheusrule.yaml

The rules are written once, in rules/. Kustomize cannot make a resource out of a plain file, so the
resource is kept beside the others, and a test holds the two together.
"""

from collections.abc import Sequence
from pathlib import Path

RULES = sorted(Path(__file__).with_name("rules").glob("*.yml"))
HEAD = """\
# Made from infra/monitoring/rules; change those, then:
#   python -m infra.monitoring.prometheusrule > infra/k8s/components/prometheus-operator/prometheusrule.yaml
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bellwire
spec:
"""


def prometheus_rule(files: Sequence[str]) -> str:
    """Return the resource whose `spec` is the groups of all rule files, comments included."""
    first, *others = files
    text = "\n".join([first, *(other.partition("groups:\n")[2] for other in others)])
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))


if __name__ == "__main__":
    print(prometheus_rule([path.read_text(encoding="utf-8") for path in RULES]), end="")

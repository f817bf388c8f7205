"""Print the alert rules as the Prometheus operator's PrometheusRule: the same text, two spaces further in.

    python -m infra.monitoring.prometheusrule > infra/k8s/components/prometheus-operator/prometheusrule.yaml

The rules are written once, in rules/bellwire.yml. Kustomize cannot make a resource out of a plain file, so the
resource is kept beside the others, and a test holds the two together.
"""

from pathlib import Path

RULES = Path(__file__).with_name("rules") / "bellwire.yml"
HEAD = """\
# Made from infra/monitoring/rules/bellwire.yml; change that one, then:
#   python -m infra.monitoring.prometheusrule > infra/k8s/components/prometheus-operator/prometheusrule.yaml
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: bellwire
spec:
"""


def prometheus_rule(rules: str) -> str:
    """Return the resource whose `spec` is the rule file `rules`, comments included."""
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in rules.splitlines(keepends=True))


if __name__ == "__main__":
    print(prometheus_rule(RULES.read_text(encoding="utf-8")), end="")

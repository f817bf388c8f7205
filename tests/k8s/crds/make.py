"""`python -m tests.k8s.crds.make MODULES`: write the schemas of other projects' kinds, from their own released CRDs.

MODULES is a folder in which `go mod download` has put the modules of `SOURCES` (GOPATH/pkg/mod). Descriptions are left
out, and rules in CEL, which nothing here could run; everything else is theirs.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
MONITORING = "github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd"
KEDA = "github.com/kedacore/keda/v2@v2.21.0/config/crd/bases"
GATEWAY = "sigs.k8s.io/gateway-api@v1.6.3/config/crd/standard"
SECRETS = "github.com/external-secrets/external-secrets@v1.3.2/config/crds/bases"
# The kind, its version, and where its definition is.
SOURCES = {
    "PodMonitor": ("v1", f"{MONITORING}/monitoring.coreos.com_podmonitors.yaml"),
    "PrometheusRule": ("v1", f"{MONITORING}/monitoring.coreos.com_prometheusrules.yaml"),
    "ScaledObject": ("v1alpha1", f"{KEDA}/keda.sh_scaledobjects.yaml"),
    "TLSRoute": ("v1", f"{GATEWAY}/gateway.networking.k8s.io_tlsroutes.yaml"),
    "ExternalSecret": ("v1", f"{SECRETS}/external-secrets.io_externalsecrets.yaml"),
}
DROPPED = {"description", "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}


def stripped(schema: Any) -> Any:
    """A schema without what only people or the API server read. A property may be called `description`."""
    if isinstance(schema, list):
        return [stripped(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: stripped(each) for name, each in value.items()}
        if key == "properties"
        else stripped(value)
        for key, value in schema.items()
        if key not in DROPPED
    }


def write(modules: Path) -> None:
    """Write one file for each kind."""
    for kind, (version, source) in SOURCES.items():
        definition = yaml.safe_load((modules / source).read_text(encoding="utf-8"))["spec"]
        assert definition["names"]["kind"] == kind
        (served,) = [each for each in definition["versions"] if each["name"] == version and each["served"]]
        document = {
            "apiVersion": f"{definition['group']}/{version}",
            "source": source,
            "schema": stripped(served["schema"]["openAPIV3Schema"]),
        }
        text = json.dumps(document, separators=(",", ":"), sort_keys=True)
        (HERE / f"{kind}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

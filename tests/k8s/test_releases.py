"""A release may be applied at any moment after another: what changes has another name, what need not, stays.

Each test renders a copy of infra in which one thing was changed, as an operator or the next release would.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bellwire.__main__ import main
from infra.monitoring.prometheusrule import RULES, prometheus_rule
from tests.k8s import custom, policy
from tests.k8s.rendered import K8S, ROOT, VERSION, Manifests, Resource, containers, pod, render, rendered

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
HEAD_OF_WAYS_OUT = "| what | port | from | policy |"
COMPONENTS = {folder.name for folder in (K8S / "components").iterdir()}

Edit = Callable[[Path], None]


def edit(file: str, old: str, new: str) -> Edit:
    def change(k8s: Path) -> None:
        text = (k8s / file).read_text(encoding="utf-8")
        assert old in text
        (k8s / file).write_text(text.replace(old, new), encoding="utf-8")

    return change


def changed(tmp_path: Path, *edits: Edit) -> Manifests:
    """Production, rendered from a copy after `edits`."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local", "__pycache__"))
    for change in edits:
        change(tmp_path / "infra" / "k8s")
    return Manifests.of(render(tmp_path / "infra" / "k8s" / "overlays" / "production"))


def with_components(tmp_path: Path, *names: str) -> Manifests:
    """An operator's own overlay over production."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=shutil.ignore_patterns("local", "__pycache__"))
    own = tmp_path / "infra" / "k8s" / "overlays" / "own"
    own.mkdir()
    written = {"resources": ["../production"], "components": [f"../../components/{name}" for name in names]}
    (own / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "bellwire", **written}))
    return Manifests.of(render(own))


def production() -> Manifests:
    return Manifests.of(rendered("overlays/production"))


def job(manifests: Manifests) -> Resource:
    (found,) = manifests.kind("Job")
    return found


NEXT_VERSION = edit("base/release.yaml", f"version: {VERSION}", "version: 10.0.37")


def test_the_next_version_is_one_line_and_makes_another_job(tmp_path: Path) -> None:
    released = changed(tmp_path, NEXT_VERSION)
    assert job(released)["metadata"]["name"] == "migrate-10-0-37"
    assert pod(job(released))["containers"][0]["image"].endswith("/bellwire:10.0.37")
    left = [
        r for r in released.resources if VERSION in (yaml.safe_dump(r) if r["kind"] != "ConfigMap" else "")
    ]
    assert left == []


def test_the_next_version_leaves_the_load_balancer_and_its_sockets_alone(tmp_path: Path) -> None:
    released = changed(tmp_path, NEXT_VERSION)
    before, after = production().only("Deployment", "haproxy"), released.only("Deployment", "haproxy")
    assert before == after


@pytest.mark.parametrize(
    "change",
    [
        edit("base/kustomization.yaml", "BELLWIRE_DRAIN_SECONDS=45", "BELLWIRE_DRAIN_SECONDS=30"),
        edit("overlays/production/kustomization.yaml", "name: api, count: 4", "name: api, count: 9"),
        edit("overlays/production/gateway-size.yaml", "memory: 2Gi", "memory: 3Gi"),
        edit("components/monitoring/networkpolicy.yaml", "name: monitoring", "name: metrics"),
        lambda k8s: edit("haproxy.cfg", "maxconn", "maxconn ")(k8s.parent / "haproxy"),
    ],
    ids=["setting", "count", "size", "policy", "haproxy.cfg"],
)
def test_a_change_within_a_version_changes_nothing_of_the_job(tmp_path: Path, change: Edit) -> None:
    released = changed(tmp_path, change)
    assert released != production()
    assert job(released) == job(production())


@pytest.mark.parametrize(
    "pinned",
    ['newName: x.example.com/bellwire\n    digest: "sha256:%s"' % ("0" * 64), "newName: other/bellwire"],
)
def test_a_registry_or_a_digest_in_an_overlay_reaches_every_pod_of_ours(tmp_path: Path, pinned: str) -> None:
    released = changed(
        tmp_path,
        edit("overlays/production/kustomization.yaml", "newName: registry.example.com/bellwire", pinned),
    )
    images = {pod(w)["containers"][0]["image"] for w in released.workloads()}
    assert len(images - {pod(production().only("Deployment", "haproxy"))["containers"][0]["image"]}) == 1
    assert list(policy.one_version_everywhere(released)) == []


EACH = (
    "tracing",
    "prometheus-operator",
    "autoscaling-api",
    "autoscaling-gateway",
    "external-secrets",
    "gateway-api",
)


@pytest.mark.parametrize("names", [("tracing",), ("tracing", "prometheus-operator"), EACH], ids="+".join)
def test_components_keep_every_rule_in_an_overlay_of_ones_own(tmp_path: Path, names: tuple[str, ...]) -> None:
    own = with_components(tmp_path, *names)
    assert [finding for rule in policy.OVERLAY_RULES for finding in rule(own)] == []
    assert [fault for one in own.kind(*custom.KINDS) for fault in custom.faults(one)] == []
    assert "BELLWIRE_OTLP_ENDPOINT" in own.settings()
    assert "BELLWIRE_DRAIN_SECONDS" in own.settings()


def test_with_roles_of_their_own_pods_have_addresses_of_their_own_and_the_job_the_owner_s(
    tmp_path: Path,
) -> None:
    own = with_components(tmp_path, "database-roles", "private-servers", "tracing")
    assert [finding for rule in policy.OVERLAY_RULES for finding in rule(own)] == []
    found = {
        workload["metadata"]["name"].partition("-")[0]: variable["valueFrom"]["secretKeyRef"]["key"]
        for workload in own.workloads()
        for container in containers(workload)
        for variable in container["env"]
        if variable["name"] == "BELLWIRE_DATABASE_URL"
    }
    wanted = {"api": "database-url-api", "gateway": "database-url-gateway", "migrate": "database-url"}
    assert found == wanted
    assert all(f"`{key}`" in OPERATIONS or f"{key}=" in OPERATIONS for key in wanted.values())


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_addresses_of_servers_narrow_the_ways_out(tmp_path: Path, name: str) -> None:
    """By the component, and by the very patch that the documentation gives."""
    private = with_components(tmp_path, "private-servers").only("NetworkPolicy", name)["spec"]["egress"]
    assert len(private) == 1
    assert "fc00::/7" in {peer["ipBlock"]["cidr"] for peer in private[0]["to"]}
    own = tmp_path / "infra" / "k8s" / "overlays" / "own" / "kustomization.yaml"
    (patches,) = re.findall(r"```yaml\n(patches:.*?)```", OPERATIONS, re.DOTALL)
    own.write_text(f"namespace: bellwire\nresources: [../production]\n{patches}")
    (rule,) = Manifests.of(render(own.parent)).only("NetworkPolicy", name)["spec"]["egress"]
    wanted = {"postgres": ["10.20.0.10/32", "fd00:20::10/128"], "redis": ["10.20.1.0/24"]}
    assert [peer["ipBlock"]["cidr"] for peer in rule["to"]] == wanted[name]


def test_the_alert_rules_in_the_cluster_are_those_in_the_repository() -> None:
    (found,) = Manifests.of(rendered("overlays/production-monitoring")).kind("PrometheusRule")
    written = [yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] for path in RULES]
    assert found["spec"] == {"groups": [group for groups in written for group in groups]}
    kept = K8S / "components" / "prometheus-operator" / "prometheusrule.yaml"
    assert kept.read_text(encoding="utf-8") == prometheus_rule(
        [path.read_text(encoding="utf-8") for path in RULES]
    ), f"python -m infra.monitoring.prometheusrule > {kept.relative_to(ROOT)}"


def test_pods_may_go_where_the_documentation_says_and_nowhere_else(tmp_path: Path) -> None:
    own = with_components(tmp_path, "tracing")
    # The one table that begins so: others have numbers in their second column, too.
    table = OPERATIONS.partition(HEAD_OF_WAYS_OUT)[2].partition("\n\n")[0]
    rows = re.findall(r"^\| [^|]+ \| (\d+) \| ([a-z, ]+) \|", table, re.MULTILINE)
    documented = {(name, int(port)) for port, names in rows for name in names.split(", ")}
    assert documented == {
        (workload["metadata"]["name"].partition("-")[0], port)
        for workload in own.workloads()
        for port in policy.ways_out(own, workload)
    }


def test_every_command_line_of_the_manifests_is_one_that_bellwire_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = [c for w in production().workloads() for c in containers(w) if policy.is_ours(c["image"])]
    assert len(ours) == 3
    for container in ours:
        for variable in container["env"]:
            monkeypatch.setenv(variable["name"], variable.get("value", "from elsewhere"))
        name, *arguments = container["args"]
        main.commands[name].make_context(name, arguments)


def test_a_gateway_has_the_seconds_that_the_documentation_promises() -> None:
    (last,) = re.findall(r"`DRAIN_NOTICE \+ DRAIN \+ (\d+)` seconds", OPERATIONS)
    assert int(last) == policy.LAST_SECONDS["gateway"]


def test_the_steps_in_the_documentation_name_what_there_is() -> None:
    key, value = policy.FIRST
    assert f"-l {key}={value}" in OPERATIONS
    assert "job/migrate-${version//./-}" in OPERATIONS
    assert set(re.findall(r"deployment/(\w+)", OPERATIONS)) <= production().names("Deployment")
    for folder in re.findall(r"infra/k8s/[\w/.-]+\w", OPERATIONS):
        assert (ROOT / folder).exists(), folder
    for component in COMPONENTS:
        assert f"components/{component}" in OPERATIONS, component


def test_a_store_keeps_every_secret_that_the_pods_ask_for_before_the_job_asks(tmp_path: Path) -> None:
    own = with_components(tmp_path, "external-secrets")
    kept = {one["spec"]["target"]["name"] for one in own.kind("ExternalSecret")}
    asked = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for workload in own.workloads()
        for container in containers(workload)
        for variable in container.get("env", [])
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    volumes = [volume for workload in own.workloads() for volume in pod(workload).get("volumes", [])]
    asked |= {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
    assert kept == asked
    assert {one["metadata"]["name"] for one in own.labelled(*policy.FIRST).kind("ExternalSecret")} == kept


def test_behind_a_gateway_of_the_cluster_haproxy_hears_the_shops_address(tmp_path: Path) -> None:
    own = with_components(tmp_path, "gateway-api")
    service = own.only("Service", "haproxy")["spec"]
    assert service["type"] == "ClusterIP"
    assert "externalTrafficPolicy" not in service
    env = {e["name"]: e.get("value") for c in containers(own.only("Deployment", "haproxy")) for e in c["env"]}
    assert env["LB_ACCEPT_PROXY"] == "1"
    assert env["LB_CERT"] is not None

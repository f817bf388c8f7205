"""The manifests render, are valid Kubernetes, and agree with each other, with the code and with HAProxy."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bellwire.plan.costs import SOCKETS_A_WORKER
from infra.local.certificate import make_certificate
from infra.local.debian_tool import find_tool
from infra.local.haproxy import LEAVE, RENEWAL
from infra.monitoring.targets import ROLES
from tests.k8s import custom, policy
from tests.k8s.rendered import OVERLAYS, ROOT, TARGETS, VERSION, Manifests, containers, rendered

OVERLAY = "overlays/production"
WITH_OPERATOR = "overlays/production-monitoring"
WITH_OPERATORS = {WITH_OPERATOR, "overlays/production-autoscaled"}
LOCAL = "overlays/local"
# All but the one for a single machine.
REAL = tuple(target for target in OVERLAYS if target != LOCAL)


def manifests(target: str = OVERLAY) -> Manifests:
    return Manifests.of(rendered(target))


@pytest.mark.parametrize("target", TARGETS)
def test_every_resource_is_valid_for_kubernetes_to_the_last_field(target: str, tmp_path: Path) -> None:
    file = tmp_path / "rendered.yaml"
    file.write_text(rendered(target), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("kubernetes-validate"), "--strict", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A kind that is not Kubernetes' own is passed over with a warning: those are judged by their own projects' schemas.
    unknown = set(re.findall(r"schema for kind (\w+)", done.stdout + done.stderr))
    assert unknown <= custom.KINDS
    assert [fault for one in manifests(target).kind(*custom.KINDS) for fault in custom.faults(one)] == []


@pytest.mark.parametrize("rule", [*policy.RULES, policy.only_kinds_of_kubernetes], ids=lambda r: r.__name__)
def test_in_the_base(rule: policy.Rule) -> None:
    assert list(rule(manifests("base"))) == []


@pytest.mark.parametrize("target", OVERLAYS)
@pytest.mark.parametrize("rule", policy.OVERLAY_RULES, ids=lambda rule: rule.__name__)
def test_in_every_overlay(rule: policy.Rule, target: str) -> None:
    if (target, rule) == (LOCAL, policy.a_node_may_be_emptied):
        return  # It has one.
    assert list(rule(manifests(target))) == []


@pytest.mark.parametrize("target", sorted({*OVERLAYS} - WITH_OPERATORS))
def test_a_cluster_without_operators_takes_every_overlay_but_those_that_ask_for_them(target: str) -> None:
    assert list(policy.only_kinds_of_kubernetes(manifests(target))) == []


BUDGET = """kind: PodDisruptionBudget
metadata:
  labels:
    app.kubernetes.io/part-of: bellwire
  name: api
  namespace: bellwire
spec:
"""
ROUTE = "  rules:\n  - backendRefs:\n    - {name: haproxy, port: 80}\n"
PLANTED = {
    "selectors_take_their_own_pods": (
        "matchLabels:\n      app.kubernetes.io/name: gateway",
        "matchLabels:\n      app.kubernetes.io/name: api",
    ),
    "services_reach_a_named_port": ("targetPort: http", "targetPort: htp"),
    "budgets_leave_room_for_one": ("maxUnavailable: 1\n", "maxUnavailable: 2\n"),
    "each_count_has_one_master": ("kind: PodDisruptionBudget", "kind: ScaledObject"),
    "routes_reach_a_service": (BUDGET, BUDGET.replace("kind: PodDisruptionBudget", "kind: TLSRoute") + ROUTE),
    "network_policies_meet": (
        "  podSelector: {}\n  policyTypes:\n  - Ingress\n  - Egress\n",
        "  podSelector: {}\n  policyTypes:\n  - Ingress\n",
    ),
    "what_may_leave_may_arrive": ("port: 8001\n      protocol: TCP", "port: 8002\n      protocol: TCP"),
    "what_settings_name_may_be_reached": (
        "BELLWIRE_LOG_FORMAT: json",
        "BELLWIRE_OTLP_ENDPOINT: http://collector:4318/v1/traces",
    ),
    "references_exist": ("serviceAccountName: migrate", "serviceAccountName: migrant"),
    "secrets_come_from_a_secret": ("kind: PodDisruptionBudget", "kind: Secret"),
    "redis_is_not_believed_blindly": ('BELLWIRE_REDIS_STRICT: "true"', 'BELLWIRE_REDIS_STRICT: "false"'),
    "containers_are_confined": ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"),
    "resources_are_bounded": (
        "limits:\n            ephemeral-storage: 256Mi\n            memory: 2Gi",
        "limits:\n            cpu: 2\n            memory: 2Gi",
    ),
    "pods_are_probed": ("path: /readyz", "path: /healthz"),
    "our_pods_listen_where_they_say": ("containerPort: 8001", "containerPort: 8011"),
    "rollouts_move_one_pod": ("maxSurge: 1", "maxSurge: 2"),
    "pods_may_finish": ('BELLWIRE_DRAIN_SECONDS: "45"', 'BELLWIRE_DRAIN_SECONDS: "75"'),
    "everything_is_in_the_namespace": ("namespace: bellwire", "namespace: default"),
    "the_load_balancer_finds_the_pods": ("gateway-headless.bellwire", "gateway.bellwire"),
    "the_schema_goes_first": (f"name: migrate-{VERSION.replace('.', '-')}", "name: migrate"),
    "one_version_everywhere": (f"app.kubernetes.io/version: {VERSION}", "app.kubernetes.io/version: 0.0.1"),
    "images_are_pinned": (f"bellwire:{VERSION}", "bellwire:latest"),
    "a_node_may_be_emptied": ("nodeTaintsPolicy: Honor", "nodeTaintsPolicy: Ignore"),
    "only_kinds_of_kubernetes": ("apiVersion: policy/v1", "apiVersion: monitoring.coreos.com/v1"),
}


@pytest.mark.parametrize("rule", policy.PLAIN_RULES, ids=lambda rule: rule.__name__)
def test_a_planted_fault_is_found_by_its_rule(rule: policy.Rule) -> None:
    good, bad = PLANTED[rule.__name__]
    assert good in rendered(OVERLAY)
    assert list(rule(Manifests.of(rendered(OVERLAY).replace(good, bad)))) != []


def test_the_cluster_runs_the_same_load_balancer_configuration_as_a_laptop() -> None:
    (config,) = [
        m for m in manifests().kind("ConfigMap") if m["metadata"]["name"].startswith("haproxy-config")
    ]
    text = (ROOT / "infra" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    scripts = {script.name: script.read_text(encoding="utf-8") for script in (RENEWAL, LEAVE)}
    assert config["data"] == {"haproxy.cfg": text, **scripts}
    (haproxy,) = [d for d in manifests().kind("Deployment") if d["metadata"]["name"] == "haproxy"]
    names = {e["name"] for c in containers(haproxy) for e in c["env"]}
    assert {name for name in names if name not in text} == set(), "haproxy.cfg does not know these"


def test_the_production_door_speaks_tls_alone_and_waits_for_its_secret() -> None:
    for target in REAL:
        workload = manifests(target).only("Deployment", "haproxy")
        (secret,) = [v["secret"] for v in workload["spec"]["template"]["spec"]["volumes"] if "secret" in v]
        assert secret["optional"] is False
        ports = manifests(target).only("Service", "haproxy")["spec"]["ports"]
        assert [(port["port"], port["targetPort"]) for port in ports] == [(443, "https")]
        (way_in,) = manifests(target).only("NetworkPolicy", "haproxy")["spec"]["ingress"][0]["ports"]
        assert way_in["port"] == "https"


def test_the_pods_of_production_speak_tls_to_their_servers_or_do_not_start() -> None:
    for target in REAL:
        (settings,) = [
            m["data"]
            for m in manifests(target).kind("ConfigMap")
            if m["metadata"]["name"].startswith("bellwire-settings")
        ]
        assert settings["BELLWIRE_REQUIRE_TLS"] == "true"


def test_haproxy_accepts_its_configuration_with_the_environment_of_its_pod(tmp_path: Path) -> None:
    haproxy = find_tool("haproxy", "haproxy")
    (workload,) = [d for d in manifests().kind("Deployment") if d["metadata"]["name"] == "haproxy"]
    # One value comes from the pods' settings.
    listed = "https://till.example.com,null"
    environment = {e["name"]: e.get("value", listed) for c in containers(workload) for e in c["env"]}
    assert environment["LB_CERT"].endswith("/tls.crt")
    # As a Secret of the kind `tls` has it: two files.
    chain, _, rest = (
        make_certificate(tmp_path, tmp_path / "ca.pem").chain.read_text().partition("-----BEGIN CERT")
    )
    (tmp_path / "tls.key").write_text(chain)
    (tmp_path / "tls.crt").write_text("-----BEGIN CERT" + rest)
    files = {"LB_CERT": str(tmp_path / "tls.crt"), "LB_CERT_LUA": str(RENEWAL), "LB_LEAVE_LUA": str(LEAVE)}
    done = subprocess.run(
        [haproxy.path, "-c", "-f", ROOT / "infra" / "haproxy" / "haproxy.cfg"],
        env={**haproxy.environment(), **environment, **files},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_load_balancer_lists_the_origins_that_the_pods_list() -> None:
    (haproxy,) = [d for d in manifests().kind("Deployment") if d["metadata"]["name"] == "haproxy"]
    (origins,) = [e for c in containers(haproxy) for e in c["env"] if e["name"] == "LB_ALLOWED_ORIGINS"]
    found = origins["valueFrom"]["configMapKeyRef"]
    assert (found["key"], found["optional"]) == ("BELLWIRE_ALLOWED_ORIGINS", True)
    for name in ("api", "gateway"):
        (pods,) = [d for d in manifests().kind("Deployment", "StatefulSet") if d["metadata"]["name"] == name]
        shared = [source["configMapRef"]["name"] for c in containers(pods) for source in c["envFrom"]]
        assert shared == [found["name"]]


def test_the_load_balancer_has_time_for_its_old_sockets() -> None:
    text = (ROOT / "infra" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    found = re.search(r"hard-stop-after (\d+)s", text)
    assert found is not None
    (haproxy,) = [d for d in manifests().kind("Deployment") if d["metadata"]["name"] == "haproxy"]
    spec = haproxy["spec"]["template"]["spec"]
    pause = policy.seconds_before_the_signal(spec["containers"][0])
    assert pause > 0
    # It was seen to take up to twice its word.
    assert spec["terminationGracePeriodSeconds"] >= pause + 2 * int(found[1])


def test_the_load_balancer_has_time_to_part_with_its_terminals_before_it_is_stopped() -> None:
    (haproxy,) = [d for d in manifests().kind("Deployment") if d["metadata"]["name"] == "haproxy"]
    settings = manifests().settings()
    # Gateways hear it within two checks, and whoever came back to it in the first round goes in a second one.
    drain = int(settings["BELLWIRE_DRAIN_SECONDS"])
    assert (
        policy.seconds_before_the_signal(haproxy["spec"]["template"]["spec"]["containers"][0])
        >= 2 * drain + 4
    )


def test_every_setting_of_the_manifests_is_one_that_the_code_reads() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("backbone", "api", "gateway", "bellwire")
        for path in (ROOT / package).rglob("*.py")
    )
    used = set(manifests().settings())
    for workload in manifests().workloads():
        for container in containers(workload):
            used |= {e["name"] for e in container.get("env", []) if e["name"].startswith("BELLWIRE_")}
    fields = {name.removeprefix("BELLWIRE_").lower() for name in used}
    assert {field for field in fields if not re.search(rf"\b{field}\b", code)} == set()


def test_the_dashboards_in_the_cluster_are_those_in_the_repository() -> None:
    (config,) = [m for m in manifests().kind("ConfigMap") if m["metadata"]["name"] == "bellwire-dashboards"]
    sources = (ROOT / "infra" / "monitoring" / "dashboards").glob("*.json")
    assert config["data"] == {source.name: source.read_text(encoding="utf-8") for source in sources}
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


EXPORTERS = {"bellwire-postgres", "bellwire-postgres-node", "bellwire-redis"}


def test_the_scrape_jobs_are_those_that_the_alert_rules_ask_for() -> None:
    rules = (ROOT / "infra" / "monitoring" / "rules" / "bellwire.yml").read_text(encoding="utf-8")
    jobs = {
        relabeling["replacement"]
        for monitor in manifests(WITH_OPERATOR).kind("PodMonitor")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for relabeling in endpoint["relabelings"]
    }
    asked = set(re.findall(r'job="([\w-]+)"', rules))
    # PostgreSQL and Redis are not in these manifests; docs/operations.md says under which names their exporters' alerts
    # wake.
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert asked - jobs == EXPORTERS
    assert all(f"`{name}`" in operations for name in EXPORTERS)
    assert set(ROLES.values()) <= jobs


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ScaledObject", "spec.maxReplicaCount", "40"),
        ("ScaledObject", "spec.fallback.behaviour", "static"),
        ("ScaledObject", "apiVersion", "keda.sh/v1"),
        ("PodMonitor", "spec.podMetricsEndpoints", {}),
    ],
)
def test_a_planted_fault_in_another_project_s_kind_is_found(kind: str, path: str, value: object) -> None:
    (one, *_) = manifests("overlays/production-autoscaled").kind(kind)
    assert list(custom.faults(one)) == []
    wrong = copy.deepcopy(one)
    place = wrong
    *way, last = path.split(".")
    for name in way:
        place = place[name]
    place[last] = value
    assert list(custom.faults(wrong)) != []


def test_gateways_are_scaled_by_a_figure_that_they_export_and_slowly_down() -> None:
    scaled = manifests("overlays/production-autoscaled").only("ScaledObject", "gateway")["spec"]
    by_sockets = scaled["triggers"][0]["metadata"]
    (metric,) = re.findall(r"bellwire_\w+", by_sockets["query"])
    assert f"`{metric}`" in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert int(by_sockets["threshold"]) == 0.6 * SOCKETS_A_WORKER.value
    (policy_down,) = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]["policies"]
    grace = manifests().only("Deployment", "gateway")["spec"]["template"]["spec"][
        "terminationGracePeriodSeconds"
    ]
    assert policy_down["value"] == 1
    assert policy_down["periodSeconds"] > grace

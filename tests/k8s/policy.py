"""Rules between our manifests, which no schema can know. Each rule yields one sentence a finding.

The schema is kubernetes-validate's business. Here:
do names, labels, ports and times that belong together agree?
"""

import urllib.parse
from collections.abc import Callable, Iterator

from tests.k8s.rendered import VERSION, Manifests, Resource, containers, matches, pod, pod_labels

SAFE_SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies"}
# From the end of the drain to the kill; docs/operations.md promises a gateway's.
LAST_SECONDS = {"gateway": 30, "api": 10, "haproxy": 10}
LONG_POLL_SECONDS = 30
# Of haproxy.cfg, for pods that come from DNS.
SLOTS = 50
# The node keeps a container's output, and counts it: 10 MiB five times, by the kubelet's defaults.
LOG_BYTES = 50 * 2**20
FIRST = ("bellwire/apply", "first")
VERSION_LABEL = "app.kubernetes.io/version"
OF_KUBERNETES = {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1", "autoscaling/v2"}

Rule = Callable[[Manifests], Iterator[str]]


def selectors_take_their_own_pods(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.kind("Deployment"):
        if not matches(workload["spec"]["selector"], pod_labels(workload)):
            yield f"deployment {workload['metadata']['name']} does not select its own pods"
        if len(manifests.selected(workload["spec"]["selector"])) != 1:
            yield f"deployment {workload['metadata']['name']} selects pods of others"


def services_reach_a_named_port(manifests: Manifests) -> Iterator[str]:
    for service in manifests.kind("Service"):
        name = service["metadata"]["name"]
        targets = manifests.selected({"matchLabels": service["spec"]["selector"]})
        if len(targets) != 1:
            yield f"service {name} selects {len(targets)} workloads"
        for target in targets:
            ports = {port["name"] for c in containers(target) for port in c.get("ports", [])}
            for port in service["spec"]["ports"]:
                if port.get("targetPort") not in ports:
                    yield f"service {name} points at {port.get('targetPort')!r}, which no container names"


def budgets_leave_room_for_one(manifests: Manifests) -> Iterator[str]:
    guarded = []
    for budget in manifests.kind("PodDisruptionBudget"):
        targets = manifests.selected(budget["spec"]["selector"])
        guarded += [target["metadata"]["name"] for target in targets]
        if len(targets) != 1:
            yield f"budget {budget['metadata']['name']} selects {len(targets)} workloads"
        if budget["spec"].get("maxUnavailable") != 1:
            yield f"budget {budget['metadata']['name']} does not allow exactly one pod to be away"
    for workload in manifests.kind("Deployment"):
        if guarded.count(workload["metadata"]["name"]) != 1:
            yield f"deployment {workload['metadata']['name']} has not exactly one budget"
        if least_replicas(manifests, workload) < 2:
            yield f"deployment {workload['metadata']['name']} has nobody to carry on while one pod is away"


def scalers(manifests: Manifests) -> dict[str, tuple[int, int]]:
    """The Deployments whose count follows the load, with the least and the most."""
    found = {}
    for scaler in manifests.kind("HorizontalPodAutoscaler", "ScaledObject"):
        spec, names = scaler["spec"], ("minReplicas", "maxReplicas")
        if scaler["kind"] == "ScaledObject":
            names = ("minReplicaCount", "maxReplicaCount")
        least, most = (spec.get(name, 0) for name in names)
        found[spec.get("scaleTargetRef", {}).get("name", "")] = (least, most)
    return found


def least_replicas(manifests: Manifests, workload: Resource) -> int:
    name = workload["metadata"]["name"]
    # Absent is one, by Kubernetes' own rule.
    return scalers(manifests).get(name, (int(workload["spec"].get("replicas", 1)), 0))[0]


def each_count_has_one_master(manifests: Manifests) -> Iterator[str]:
    scaled = scalers(manifests)
    deployments = {workload["metadata"]["name"]: workload for workload in manifests.kind("Deployment")}
    for name in scaled.keys() - deployments.keys():
        yield f"an autoscaler counts the pods of {name!r}, which does not exist"
    for name, workload in deployments.items():
        if ("replicas" in workload["spec"]) == (name in scaled):
            yield f"deployment {name} has a fixed count and an autoscaler, or neither"
    for name, (least, most) in scaled.items():
        # HAProxy has no more slots, and a rollout takes one.
        if not 2 <= least < most < SLOTS:
            yield f"{name} may have {least} to {most} pods"


def routes_reach_a_service(manifests: Manifests) -> Iterator[str]:
    ports = {
        service["metadata"]["name"]: {port["port"] for port in service["spec"]["ports"]}
        for service in manifests.kind("Service")
    }
    for route in manifests.kind("TLSRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                if backend["port"] not in ports.get(backend["name"], ()):
                    yield f"a route leads to port {backend['port']} of {backend['name']}, which is none"


def network_policies_meet(manifests: Manifests) -> Iterator[str]:
    policies = manifests.kind("NetworkPolicy")
    if not any(
        policy["spec"]["podSelector"] == {} and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        for policy in policies
        if not policy["spec"].get("ingress") and not policy["spec"].get("egress")
    ):
        yield "no policy denies everything that no other allows"
    for policy in policies:
        name = policy["metadata"]["name"]
        if not manifests.selected(policy["spec"]["podSelector"]):
            yield f"network policy {name} selects no pod"
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            for peer in [*rule.get("from", []), *rule.get("to", [])]:
                if "podSelector" in peer and not manifests.selected(peer["podSelector"]):
                    yield f"network policy {name} names a peer that does not exist"


def what_settings_name_may_be_reached(manifests: Manifests) -> Iterator[str]:
    """An address in the shared settings is of no use where no policy lets a pod out to its port."""
    for name, value in manifests.settings().items():
        address = urllib.parse.urlsplit(value)
        if not address.hostname:
            continue
        port = address.port or (443 if address.scheme == "https" else 80)
        if not any(port in ways_out(manifests, workload) for workload in manifests.kind("Deployment")):
            yield f"{name} names port {port}, which no pod may reach"


def ways_out(manifests: Manifests, workload: Resource) -> set[int]:
    """Ports outside the namespace, names looked up apart, that the workload's pods may connect to."""
    rules = [
        rule
        for policy in manifests.kind("NetworkPolicy")
        if matches(policy["spec"]["podSelector"], pod_labels(workload))
        for rule in policy["spec"].get("egress", [])
    ]
    outside = [rule for rule in rules if not any("podSelector" in peer for peer in rule.get("to", []))]
    return {port["port"] for rule in outside for port in rule["ports"]} - {53}


def what_may_leave_may_arrive(manifests: Manifests) -> Iterator[str]:
    """An egress rule to pods of ours names a port that they have, and an ingress rule of theirs meets it."""
    for policy in manifests.kind("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            peers = [peer["podSelector"] for peer in rule.get("to", []) if "podSelector" in peer]
            targets = [target for peer in peers for target in manifests.selected(peer)]
            sources = manifests.selected(policy["spec"]["podSelector"])
            for target in targets:
                for port in rule["ports"]:
                    yield from does_not_arrive(manifests, sources, target, port["port"])


def does_not_arrive(
    manifests: Manifests, sources: list[Resource], target: Resource, number: int
) -> Iterator[str]:
    name = target["metadata"]["name"]
    if number not in port_numbers(target).values():
        yield f"a network policy allows port {number} of {name}, which has no such port"
    for source in sources:
        if not admits(manifests, target, source, number):
            yield f"{name} does not let {source['metadata']['name']} in on port {number}"


def port_numbers(workload: Resource) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for c in containers(workload) for port in c.get("ports", [])}


def admits(manifests: Manifests, target: Resource, source: Resource, number: int) -> bool:
    for policy in manifests.kind("NetworkPolicy"):
        if not matches(policy["spec"]["podSelector"], pod_labels(target)):
            continue
        for rule in policy["spec"].get("ingress", []):
            numbers = [port_numbers(target).get(p["port"], p["port"]) for p in rule.get("ports", [])]
            peers = [peer["podSelector"] for peer in rule.get("from", []) if set(peer) == {"podSelector"}]
            open_to_all = not rule.get("from")
            if number in numbers and (open_to_all or any(matches(p, pod_labels(source)) for p in peers)):
                return True
    return False


def references_exist(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads():
        name = workload["metadata"]["name"]
        if pod(workload)["serviceAccountName"] not in manifests.names("ServiceAccount"):
            yield f"{name} runs as a service account that does not exist"
        wanted = [
            source["configMapRef"]["name"] for c in containers(workload) for source in c.get("envFrom", [])
        ]
        volumes = pod(workload).get("volumes", [])
        wanted += [volume["configMap"]["name"] for volume in volumes if "configMap" in volume]
        for config in set(wanted) - manifests.names("ConfigMap"):
            yield f"{name} wants a ConfigMap {config} that does not exist"
        for container in containers(workload):
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            if mounted != {volume["name"] for volume in volumes}:
                yield f"{name} has volumes that are not mounted, or mounts that are no volumes"


def secrets_come_from_a_secret(manifests: Manifests) -> Iterator[str]:
    if manifests.kind("Secret"):
        yield "a Secret is written down in the manifests"
    for workload in manifests.workloads():
        for container in containers(workload):
            for variable in container.get("env", []):
                private = any(word in variable["name"] for word in ("URL", "SECRET", "KEY", "PASSWORD"))
                if private and "secretKeyRef" not in variable.get("valueFrom", {}):
                    yield f"{workload['metadata']['name']} has {variable['name']} in the open"


def redis_is_not_believed_blindly(manifests: Manifests) -> Iterator[str]:
    [config] = [
        m for m in manifests.kind("ConfigMap") if m["metadata"]["name"].startswith("bellwire-settings")
    ]
    if config["data"].get("BELLWIRE_REDIS_STRICT") != "true":
        yield "pods may start on a Redis without a password, or without a secret to sign with"
    for name in ("api", "gateway"):
        [workload] = [one for one in manifests.workloads() if one["metadata"]["name"] == name]
        for container in containers(workload):
            references = {
                variable["name"]: variable["valueFrom"]["secretKeyRef"]
                for variable in container.get("env", [])
                if "secretKeyRef" in variable.get("valueFrom", {})
            }
            secret = references.get("BELLWIRE_REDIS_SECRET", {"optional": True})
            if secret.get("optional"):
                yield f"{name} starts without a secret to sign with"
            if not references.get("BELLWIRE_REDIS_SECRET_BEFORE", {}).get("optional"):
                yield f"{name} has no place for the secret before, or does not start without one"


def containers_are_confined(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads():
        name, spec = workload["metadata"]["name"], pod(workload)
        context = spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or not context.get("runAsUser"):
            yield f"{name} may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name} has no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name} carries a token for the Kubernetes API"
        for sysctl in context.get("sysctls", []):
            if sysctl["name"] not in SAFE_SYSCTLS:
                yield f"{name} sets {sysctl['name']}, which the restricted standard refuses"
        for container in containers(workload):
            own = container.get("securityContext", {})
            if (
                own.get("allowPrivilegeEscalation") is not False
                or own.get("readOnlyRootFilesystem") is not True
            ):
                yield f"{name}/{container['name']} may write to its root or gain rights"
            if own.get("capabilities", {}).get("drop") != ["ALL"]:
                yield f"{name}/{container['name']} keeps capabilities"


def resources_are_bounded(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads():
        for container in containers(workload):
            resources, name = (
                container.get("resources", {}),
                f"{workload['metadata']['name']}/{container['name']}",
            )
            if set(resources.get("requests", {})) != {"cpu", "memory", "ephemeral-storage"}:
                yield f"{name} does not say what it needs"
            # Memory and the node's disk are bounded; a CPU limit would be throttling, which is latency.
            if set(resources.get("limits", {})) != {"memory", "ephemeral-storage"}:
                yield f"{name} must have limits of memory and of the node's disk, and of nothing else"
            if (
                size_of(resources["limits"].get("ephemeral-storage", "0"))
                < sum(
                    size_of(volume["emptyDir"]["sizeLimit"])
                    for volume in pod(workload).get("volumes", [])
                    if "emptyDir" in volume
                )
                + LOG_BYTES
            ):
                yield f"{name} could not fill its own folder without being thrown out"


def size_of(text: str) -> int:
    units = {"": 1, "Mi": 2**20, "Gi": 2**30}
    return int(text.rstrip("MGi")) * units[text.lstrip("0123456789")]


def images_are_pinned(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads():
        for container in containers(workload):
            image = container["image"]
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and tag in {"", "latest"}:
                yield f"{workload['metadata']['name']} runs {image}, which may change under it"


def pods_are_probed(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.kind("Deployment"):
        for container in containers(workload):
            name = f"{workload['metadata']['name']}/{container['name']}"
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                how = container.get(probe, {}).get("httpGet") or container.get(probe, {}).get("tcpSocket")
                if how is None or how["port"] not in ports:
                    yield f"{name} has no {probe} on a port that it names"
            ours = is_ours(container["image"])
            if ours and container["livenessProbe"]["httpGet"]["path"] != "/healthz":
                yield f"{name} is killed by something else than /healthz"
            if ours and container["readinessProbe"]["httpGet"]["path"] != "/readyz":
                yield f"{name} is fed by something else than /readyz"


def our_pods_listen_where_they_say(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.kind("Deployment"):
        for container in containers(workload):
            arguments = container["args"]
            if "--port" not in arguments:
                continue
            port = int(arguments[arguments.index("--port") + 1])
            if port not in {named["containerPort"] for named in container["ports"]}:
                yield f"{workload['metadata']['name']} listens on {port}, which no container port names"


def rollouts_move_one_pod(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.kind("Deployment"):
        if workload["spec"]["strategy"].get("rollingUpdate") != {"maxUnavailable": 0, "maxSurge": 1}:
            yield f"deployment {workload['metadata']['name']} may lose or move more than one pod at a time"


def pods_may_finish(manifests: Manifests) -> Iterator[str]:
    """preStop, then the drain, then room to end: all before Kubernetes kills."""
    settings = manifests.settings()
    drain = int(settings.get("BELLWIRE_DRAIN_SECONDS", "20"))
    drain += int(settings.get("BELLWIRE_DRAIN_NOTICE_SECONDS", "3"))
    for workload in manifests.kind("Deployment"):
        spec, name = pod(workload), workload["metadata"]["name"]
        for container in containers(workload):
            pause = seconds_before_the_signal(container)
            if not pause:
                yield f"{name} stops before the load balancer has heard of it"
            needed = pause + (drain if name == "gateway" else LONG_POLL_SECONDS) + LAST_SECONDS[name]
            grace = spec["terminationGracePeriodSeconds"]
            if grace < needed:
                yield f"{name} is killed after {grace} s, but needs {needed} s"


def seconds_before_the_signal(container: Resource) -> int:
    """The time of a `preStop` that sleeps, or of one that has HAProxy leave."""
    hook = container.get("lifecycle", {}).get("preStop", {})
    if hook.get("httpGet") == {"path": "/leave", "port": "admin"}:
        values = {variable["name"]: variable.get("value", "") for variable in container["env"]}
        return int(values["LB_LEAVE_SECONDS"])
    return int(hook.get("sleep", {}).get("seconds", 0))


def the_schema_goes_first(manifests: Manifests) -> Iterator[str]:
    """The first thing that a release applies is one Job with all that it needs, under a name of this version's own."""
    jobs, first = manifests.kind("Job"), manifests.labelled(*FIRST)
    if len(jobs) != 1 or first.workloads() != jobs:
        yield "not exactly one Job, and nothing else that runs, goes first"
        return
    (job,) = jobs
    if job["metadata"]["name"] != f"migrate-{VERSION.replace('.', '-')}":
        yield f"job {job['metadata']['name']} is not named after version {VERSION}: it could not be applied twice"
    if any(container.get("envFrom") for container in containers(job)) or pod(job).get("volumes"):
        yield "the Job reads a ConfigMap, whose name changes within a version: it could not be applied twice"
    if not first.kind("Namespace"):
        yield "the namespace does not go first"
    yield from (f"of what goes first: {finding}" for finding in references_exist(first))
    if ways_out(first, job) != ways_out(manifests, job):
        yield "the Job's ways out do not go first"


def one_version_everywhere(manifests: Manifests) -> Iterator[str]:
    """Tag, label and project agree; no selector holds the version, since a selector cannot be changed."""
    for workload in manifests.workloads():
        name = workload["metadata"]["name"]
        ours = [c["image"] for c in containers(workload) if is_ours(c["image"])]
        wanted = VERSION if ours else None  # A release of ours does not roll the load balancer.
        for image in ours:
            tag, _, digest = image.rpartition("/")[2].removeprefix("bellwire").partition("@")
            if tag != f":{VERSION}" and not (digest and not tag):
                yield f"{name} runs {image}, and this is version {VERSION}"
        for labels in (workload["metadata"].get("labels", {}), pod_labels(workload)):
            if labels.get(VERSION_LABEL) != wanted:
                yield f"{name} is labelled {labels.get(VERSION_LABEL)}, and should be {wanted}"
        if VERSION_LABEL in workload["spec"].get("selector", {}).get("matchLabels", {}):
            yield f"{name} selects by version"


def is_ours(image: str) -> bool:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0] == "bellwire"


def only_kinds_of_kubernetes(manifests: Manifests) -> Iterator[str]:
    """A kind of an operator ends `apply` with an error in every cluster that does not run it."""
    for resource in manifests.resources:
        if resource["apiVersion"] not in OF_KUBERNETES:
            yield f"{resource['kind']} {resource['metadata']['name']} is of {resource['apiVersion']}"


def a_node_may_be_emptied(manifests: Manifests) -> Iterator[str]:
    """A node that takes no pods must not count as one that has none: else its pod has nowhere to go."""
    for workload in manifests.kind("Deployment"):
        constraints = pod(workload).get("topologySpreadConstraints", [])
        if not any(constraint["topologyKey"] == "kubernetes.io/hostname" for constraint in constraints):
            yield f"{workload['metadata']['name']} may be on one node as a whole"
        for constraint in constraints:
            if constraint.get("nodeTaintsPolicy") != "Honor":
                yield f"{workload['metadata']['name']} counts nodes that are being emptied"


def everything_is_in_the_namespace(manifests: Manifests) -> Iterator[str]:
    for resource in manifests.resources:
        if resource["kind"] != "Namespace" and resource["metadata"].get("namespace") != "bellwire":
            yield f"{resource['kind']} {resource['metadata']['name']} is outside the namespace"
    for namespace in manifests.kind("Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace lets pods in that are not restricted"


def the_load_balancer_finds_the_pods(manifests: Manifests) -> Iterator[str]:
    """HAProxy's names and ports are those of the headless services."""
    services = {service["metadata"]["name"]: service for service in manifests.kind("Service")}
    for workload in manifests.kind("Deployment"):
        if workload["metadata"]["name"] != "haproxy":
            continue
        env = {e["name"]: e.get("value", "") for c in containers(workload) for e in c["env"]}
        for role in ("GATEWAY", "API"):
            name, _, domain = env[f"LB_{role}_FQDN"].partition(".")
            service = services.get(name)
            if (
                service is None
                or service["spec"].get("clusterIP") != "None"
                or domain != "bellwire.svc.cluster.local"
            ):
                yield f"haproxy looks for {name}.{domain}, which is no headless service"
            elif int(env[f"LB_{role}_PORT"]) not in {port["port"] for port in service["spec"]["ports"]}:
                yield f"haproxy asks {name} on port {env[f'LB_{role}_PORT']}"


RULES: tuple[Rule, ...] = (
    selectors_take_their_own_pods,
    services_reach_a_named_port,
    budgets_leave_room_for_one,
    each_count_has_one_master,
    routes_reach_a_service,
    network_policies_meet,
    what_may_leave_may_arrive,
    what_settings_name_may_be_reached,
    references_exist,
    secrets_come_from_a_secret,
    redis_is_not_believed_blindly,
    containers_are_confined,
    resources_are_bounded,
    pods_are_probed,
    our_pods_listen_where_they_say,
    rollouts_move_one_pod,
    pods_may_finish,
    the_schema_goes_first,
    one_version_everywhere,
    everything_is_in_the_namespace,
    the_load_balancer_finds_the_pods,
)
# Only an overlay knows where images come from, and where pods may be.
OVERLAY_RULES: tuple[Rule, ...] = (*RULES, images_are_pinned, a_node_may_be_emptied)
# For clusters without the Prometheus operator.
PLAIN_RULES: tuple[Rule, ...] = (*OVERLAY_RULES, only_kinds_of_kubernetes)

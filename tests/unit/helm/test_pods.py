"""Every pod fits the Pod Security Standard `restricted`, training Jobs of retrain included, and no more is let through or allowed than is used."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from retrain.launch.kubernetes_job import manifest
from tests.chart import NAME, PROFILES, Document, pods, render, rendered, values, workload
from tests.unit.helm.test_settings import settings

SAFE_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
ALL = [(profile, name) for profile in PROFILES for name in pods(profile)]


def faults(spec: Document) -> list[str]:
    """What `restricted` would refuse (kubernetes.io/docs/concepts/security/pod-security-standards)."""
    own = spec.get("securityContext", {})
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    found += [f"volume {volume['name']}" for volume in spec.get("volumes", []) if not set(volume) - {"name"} <= SAFE_VOLUMES]
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        context = container.get("securityContext", {})
        if context.get("allowPrivilegeEscalation") is not False:
            found.append("allowPrivilegeEscalation")
        if context.get("capabilities", {}).get("drop") != ["ALL"] or context.get("capabilities", {}).get("add"):
            found.append("capabilities")
        if not context.get("runAsNonRoot", own.get("runAsNonRoot")) or context.get("runAsUser", own.get("runAsUser")) == 0:
            found.append("root")
        if context.get("seccompProfile", own.get("seccompProfile")) != {"type": "RuntimeDefault"}:
            found.append("seccompProfile")
        if context.get("privileged") or any(port.get("hostPort") for port in container.get("ports", [])):
            found.append("host")
    return found


@pytest.mark.parametrize(("profile", "name"), ALL)
def test_a_pod_is_restricted_and_writes_only_where_it_has_a_volume(profile: str, name: str) -> None:
    spec = pods(profile)[name]["spec"]
    assert faults(spec) == []
    assert spec["securityContext"]["runAsUser"] == 10001
    for container in spec["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["resources"]["limits"]["memory"]
        assert "cpu" not in container["resources"]["limits"], "a limit on CPU throttles"
        assert not container["image"].endswith((":", ":latest"))
    for volume in spec.get("volumes", []):
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})


def test_what_is_not_restricted_is_seen() -> None:
    spec: dict[str, Any] = {"containers": [{"securityContext": {}}], "volumes": [{"name": "a", "hostPath": {}}], "hostPID": True}
    said = {"hostPID is set", "volume a", "allowPrivilegeEscalation", "capabilities", "root", "seccompProfile"}
    assert set(faults(spec)) == said


@pytest.mark.parametrize("version", ["1.35", "1.36", "1.37"])
def test_a_training_job_is_valid_restricted_and_meets_its_policy(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = settings("jobs", "retrain", tmp_path, monkeypatch)
    job = manifest(read.cluster(60.0, 1, read.devices), "model/v2/abc/1/1", "/var/lib/keepsight/shared/jobs/abc/1", ("python",))
    kubernetes_validate.validate(
        {**job, "metadata": {**job["metadata"], "namespace": read.kubernetes_namespace}}, version, strict=True
    )
    template, made = job["spec"]["template"], rendered("jobs")
    assert faults(template["spec"]) == []
    policy = made["NetworkPolicy", f"{NAME}-training"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert "ingress" not in policy
    assert ("ServiceAccount", template["spec"]["serviceAccountName"]) in made
    assert read.kubernetes_namespace == "vision"
    assert template["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert [one["key"] for one in template["spec"]["tolerations"]] == ["pool", "nvidia.com/gpu"]
    assert template["spec"]["runtimeClassName"] == "nvidia"
    claims = [
        volume.get("persistentVolumeClaim", {}).get("claimName")
        for volume in workload("jobs", "retrain")["spec"]["template"]["spec"]["volumes"]
    ]
    assert template["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] in claims


def test_rights_are_the_four_verbs_and_the_token_is_one_pods() -> None:
    for profile in PROFILES:
        made = rendered(profile)
        rules = [rule for (kind, _), one in made.items() if kind == "Role" for rule in one["rules"]]
        assert not any("*" in part for rule in rules for part in rule.values())
        assert not {kind for kind, _ in made} & {"ClusterRole", "ClusterRoleBinding", "Secret"}
        told = [name for name, pod in pods(profile).items() if pod["spec"]["automountServiceAccountToken"]]
        assert told == ([f"StatefulSet/{NAME}-retrain"] if profile == "jobs" else [])
        assert (len(rules) == 2) is (profile == "jobs")
        assert not any(one["automountServiceAccountToken"] for (kind, _), one in made.items() if kind == "ServiceAccount")
    assert rendered("jobs")["Role", f"{NAME}-training"]["rules"] == [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]


def reached(profile: str, section: str, port: int, way: str = "egress") -> list[Any] | None:
    """The peers that a policy lets a component reach (or be reached by) at a port; None: nobody, []: everybody."""
    rules = rendered(profile)["NetworkPolicy", f"{NAME}-{section}"]["spec"].get(way, [])
    found = [rule.get("to" if way == "egress" else "from", []) for rule in rules if port in [one["port"] for one in rule["ports"]]]
    return found[0] if found else None


def test_nothing_passes_but_what_is_used() -> None:
    made = rendered("minimal")
    deny = made["NetworkPolicy", f"{NAME}-deny"]["spec"]
    assert set(deny) == {"podSelector", "policyTypes"}
    for name, pod in pods("minimal").items():
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items(), name
    assert reached("minimal", "serving", 8080, "ingress") == []
    assert reached("minimal", "retrain", 9092) == []
    for section in ("serving", "monitor", "retrain"):
        assert reached("minimal", section, 5432) is None
        assert reached("minimal", section, 443) is None
        assert reached("minimal", section, 53) == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
        ]
    assert reached("kafka-tls", "monitor", 9095) == [{"ipBlock": {"cidr": "198.51.100.0/24"}}]
    assert reached("postgres", "monitor", 5432) == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "postgres"}}}
    ]
    assert reached("postgres", "serving", 5432) is None
    assert reached("s3", "serving", 443) == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    assert reached("jobs", "retrain", 6443) == []
    assert reached("jobs", "serving", 6443) is None
    assert reached("settings", "serving", 4318) == []
    assert reached("ingress", "monitor", 8081, "ingress") == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
    ]
    assert not [name for kind, name in rendered("bare") if kind == "NetworkPolicy"]


@pytest.mark.parametrize("section", ["serving", "monitor", "retrain"])
def test_prometheus_and_the_helm_test_reach_what_they_ask(section: str) -> None:
    (container,) = workload("minimal", section)["spec"]["template"]["spec"]["containers"]
    health = {port["name"]: port["containerPort"] for port in container["ports"]}[container["livenessProbe"]["httpGet"]["port"]]
    peers = reached("minimal", section, health, "ingress")
    assert peers is not None
    assert peers[0] == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    asks = pods("minimal")[f"Pod/{NAME}-test"]
    assert peers[1]["podSelector"]["matchLabels"].items() <= asks["metadata"]["labels"].items()
    assert f"{NAME}-{section}-pods:{health}" in asks["spec"]["containers"][0]["args"]
    assert reached("minimal", "test", health) is not None


def test_training_is_let_out_where_values_say_more() -> None:
    """The credentials of a role come from an address beside the store's."""
    given = values("jobs")
    rule = {"ports": [{"port": 80, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}]}
    made = render({**given, "networkPolicy": {"more": {"training": [rule]}}})
    assert made["NetworkPolicy", f"{NAME}-training"]["spec"]["egress"][-1] == rule
    assert rule not in made["NetworkPolicy", f"{NAME}-retrain"]["spec"]["egress"]


def test_an_empty_list_of_peers_is_everybody() -> None:
    lists = ("cameras", "console", "prometheus", "dns", "kafka", "kafkaPorts", "postgres", "stores", "apiServer")
    made = render({**values("minimal"), "networkPolicy": {key: [] for key in lists}})
    serving = made["NetworkPolicy", f"{NAME}-serving"]["spec"]
    assert [sorted(rule) for rule in serving["ingress"] + serving["egress"]] == [["ports"]] * 4


def test_scaling_never_goes_to_zero_and_down_slowly() -> None:
    hpa = rendered("hpa")["HorizontalPodAutoscaler", f"{NAME}-serving"]["spec"]
    keda = rendered("keda")["ScaledObject", f"{NAME}-serving"]["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (2, 12)
    assert (keda["minReplicaCount"], keda["maxReplicaCount"]) == (2, 20)
    assert "idleReplicaCount" not in keda
    for behavior in (hpa["behavior"], keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]):
        down = behavior["scaleDown"]
        assert down["stabilizationWindowSeconds"] == 600
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]


def test_a_spool_stays_when_its_pod_goes() -> None:
    for profile in PROFILES:
        spec = workload(profile, "serving")["spec"]
        if profile != "bare":
            assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    shared = rendered("minimal")["PersistentVolumeClaim", f"{NAME}-shared"]
    assert shared["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}

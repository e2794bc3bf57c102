"""A training process as a Kubernetes Job (batch/v1): its name, its labels and its manifest, in the API's own JSON. Pure: nothing is asked of a cluster.

One pod, tried once: attempts are counted by the service. A pod whose node is drained is started again by the cluster and counts as nothing
(podFailurePolicy), and never beside the one that is still ending (podReplacementPolicy). The pod fits a namespace that enforces the Pod Security Standard
`restricted`: its image names a user other than root, by number.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from retrain.launch.torchrun import spread
from retrain.launch.trail import STDERR, STEPS

NAME: Final = "keepsight/name"
FOLDER: Final = "keepsight/folder"
"""Annotations that tell whose Job it is: labels hold 63 characters."""
JOB_NAME: Final = "batch.kubernetes.io/job-name"
_LONGEST: Final = 63
"""Of a label's value, and so of a Job's name."""
_KEPT_S: Final = 86_400
"""How long a Job that ended stays, for a person with kubectl; the service has read it long before."""
_GRACE_S: Final = 10
"""Between the order to end and the kill. The first process of a container hears no SIGTERM that it does not handle, and needs none: it goes on from its
folder wherever it was killed."""
_GPU: Final = "nvidia.com/gpu"
_TMP: Final = "4Gi"
"""Of /tmp, where exports and caches of libraries go: the root of a pod is read-only."""
_SHARED_MEMORY: Final = "1Gi"
"""Of /dev/shm: NCCL lays what devices exchange there, and a container has 64 MiB of it by itself."""
_PYTHON: Final = "python"
_SHELL: Final = f'exec "$@" >>"$0/{STEPS}" 2>>"$0/{STDERR}"'


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where training pods run; see the settings `kubernetes_*`. `volume` is a claim, mounted at `mount` in the pods as it is here."""

    image: str
    namespace: str
    volume: str
    mount: str
    config: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, str]] = ()
    runtime_class: str = ""
    service_account: str = ""
    secret: str = ""
    deadline_s: float = 21_600.0
    threads: int = 1
    devices: int = 1


def job_name(name: str) -> str:
    """`name` as a DNS label (RFC 1123): two names that look alike then differ in the hash at the end."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"{plain[: _LONGEST - 11].rstrip('-')}-{digest}"


def manifest(cluster: Cluster, name: str, folder: str, command: Sequence[str]) -> dict[str, Any]:
    """The Job that runs `command` with `folder` as its last argument, its step lines and last words in files there."""
    labels = {"app.kubernetes.io/name": "keepsight", "app.kubernetes.io/component": "training"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(name), "labels": labels, "annotations": {NAME: name, FOLDER: folder}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, round(cluster.deadline_s)),
            "ttlSecondsAfterFinished": _KEPT_S,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {"metadata": {"labels": labels}, "spec": _pod(cluster, folder, command)},
        },
    }


def _pod(cluster: Cluster, folder: str, command: Sequence[str]) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE_S,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [
            {"name": "shared", "persistentVolumeClaim": {"claimName": cluster.volume}},
            {"name": "tmp", "emptyDir": {"sizeLimit": _TMP}},
        ],
        "containers": [_container(cluster, folder, command)],
    }
    if cluster.service_account:
        pod["serviceAccountName"] = cluster.service_account
    if cluster.node_selector:
        pod["nodeSelector"] = dict(cluster.node_selector)
    if cluster.runtime_class:
        pod["runtimeClassName"] = cluster.runtime_class
    tolerations = [dict(one) for one in cluster.tolerations]
    if _GPU in cluster.resources:
        tolerations.append({"key": _GPU, "operator": "Exists", "effect": "NoSchedule"})
    if tolerations:
        pod["tolerations"] = tolerations
    if cluster.devices > 1:
        pod["volumes"].append({"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": _SHARED_MEMORY}})
        pod["containers"][0]["volumeMounts"].append({"name": "memory", "mountPath": "/dev/shm"})
    return pod


def _container(cluster: Cluster, folder: str, command: Sequence[str]) -> dict[str, Any]:
    threads = {name: str(cluster.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {**threads, "PYTHONUNBUFFERED": "1", "HOME": "/tmp"}
    container: dict[str, Any] = {
        "name": "training",
        "image": cluster.image,
        "command": ["/bin/sh", "-c", _SHELL, folder, *spread(command, cluster.devices, _PYTHON), folder],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "volumeMounts": [{"name": "shared", "mountPath": cluster.mount}, {"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        # What is said before the redirection, and what the container itself dies of, is the end of the pod's log.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if cluster.resources:
        container["resources"] = {"limits": dict(cluster.resources), "requests": dict(cluster.resources)}
    if cluster.secret:
        container["envFrom"] = [{"secretRef": {"name": cluster.secret}}]
    return container

"""The few calls of the Kubernetes API that are made, through the official client, each bounded in time."""

from collections.abc import Callable
from typing import Any, Final

from contracts.errors import SettingsError, StoreError
from retrain.launch.kubernetes_job import JOB_NAME, Cluster

_BOUND: Final[dict[str, Any]] = {"_request_timeout": (2.0, 5.0)}
"""Seconds to connect, and to be answered."""
_MISSING, _CONFLICT = 404, 409


class Api:
    """The few calls that are made, in JSON. Raises StoreError while the cluster does not answer, or answers no."""

    def __init__(self, cluster: Cluster) -> None:
        """Raises SettingsError where the client, or the way to the cluster, is missing."""
        try:
            from kubernetes import client, config
        except ImportError as error:
            raise SettingsError(
                "launcher is 'kubernetes', and its client is not installed: pip install 'keepsight[kubernetes]'"
            ) from error
        configuration = client.Configuration()
        try:
            if cluster.config:
                config.load_kube_config(cluster.config, client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError) as error:
            where = f"kubernetes_config {cluster.config}" if cluster.config else "the service account of this pod"
            raise SettingsError(f"{where} leads to no cluster: {error}") from error
        configuration.retries = False
        self._client = client.ApiClient(configuration)
        self._jobs, self._pods = client.BatchV1Api(self._client), client.CoreV1Api(self._client)
        self.namespace = cluster.namespace

    def create(self, body: Any) -> bool:
        """Create a Job; False when there is one of its name."""
        return self._call("create", lambda: self._jobs.create_namespaced_job(self.namespace, body, **_BOUND), _CONFLICT) is not None

    def job(self, name: str) -> dict[str, Any] | None:
        """A Job; None when there is none."""
        return self._call("get", lambda: self._jobs.read_namespaced_job(name, self.namespace, **_BOUND), _MISSING)

    def delete(self, name: str) -> None:
        """Delete a Job and its pods, which get the time that their manifest says. It is there until they are gone."""
        how: dict[str, Any] = {"propagation_policy": "Foreground"}
        self._call("delete", lambda: self._jobs.delete_namespaced_job(name, self.namespace, **how, **_BOUND), _MISSING)

    def pods(self, name: str) -> list[dict[str, Any]]:
        """The pods of a Job, oldest first."""
        found = self._call(
            "list pods", lambda: self._pods.list_namespaced_pod(self.namespace, label_selector=f"{JOB_NAME}={name}", **_BOUND)
        )
        assert found is not None  # no answer is let pass
        return sorted(found["items"] or [], key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))

    def _call(self, what: str, ask: Callable[[], Any], passed: int = 0) -> dict[str, Any] | None:
        """The answer in JSON; None for the status `passed`."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer: dict[str, Any] = self._client.sanitize_for_serialization(ask())  # type: ignore[no-untyped-call]
        except ApiException as error:
            if error.status == passed:
                return None
            said = f"{error.status} {error.reason}: {' '.join(str(error.body or '').split())[:300]}"
            raise StoreError(
                f"the cluster refuses to {what} in namespace {self.namespace}: {said} (docs/kubernetes-jobs.md)"
            ) from error
        except (HTTPError, OSError) as error:
            raise StoreError(f"the cluster does not answer ({what}): {error}") from error
        return answer

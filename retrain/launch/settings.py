"""Where training processes run: the settings of the launchers, a part of section `[retrain]`."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from contracts.settings import ServiceSettings
from retrain.launch.kubernetes_job import Cluster

_DNS = Annotated[str, StringConstraints(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")]
"""A name as Kubernetes takes it (RFC 1123), or none."""


class LaunchSettings(ServiceSettings):
    """On this host, or in a cluster."""

    launcher: Literal["local", "kubernetes"] = Field(
        "local",
        description="Where training processes run: `local`, on this host, or `kubernetes`, as Jobs. See docs/kubernetes-jobs.md.",
    )
    kubernetes_image: str = Field("", description="Image of the training pods: this release with the extra `train`.")
    kubernetes_namespace: _DNS = Field("keepsight", description="Namespace of the Jobs.")
    kubernetes_volume: str = Field("", description="PersistentVolumeClaim that training pods and this service share.")
    kubernetes_mount: Path | None = Field(
        None, description="Where that volume is mounted, in the pods as here. `jobs`, and stores that are no URLs, lie on it."
    )
    kubernetes_config: str = Field(
        "", description="Path of a kubeconfig file. Empty: the service account of the pod that this service runs in."
    )
    kubernetes_resources: dict[str, str] = Field(
        {}, description='What a training pod takes, as `{cpu = "4", memory = "16Gi", "nvidia.com/gpu" = "1"}`: request and limit.'
    )
    kubernetes_node_selector: dict[str, str] = Field({}, description="Labels of the nodes that training pods may run on.")
    kubernetes_tolerations: tuple[dict[str, str], ...] = Field(
        (),
        description='Taints that training pods tolerate beside that of their GPUs, as `[{key = "pool", operator = "Exists"}]`.',
    )
    kubernetes_runtime_class: str = Field(
        "", description="Runtime class of the training pods, as `nvidia`, where the nodes' own runtime shows no GPU."
    )
    kubernetes_service_account: _DNS = Field(
        "", description="Service account of the training pods, where stores ask for one. They get no token of the API."
    )
    kubernetes_secret: _DNS = Field(
        "", description="Secret whose keys become variables of the training pods: the keys of an object store."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        """Training pods must find what the service finds."""
        if self.launcher == "local":
            return self
        needed = {"kubernetes_image": self.kubernetes_image, "kubernetes_volume": self.kubernetes_volume}
        if lacking := [name for name, value in {**needed, "kubernetes_mount": self.kubernetes_mount}.items() if not value]:
            raise ValueError(
                f"launcher is 'kubernetes', and {' and '.join(lacking)} must be set with it: see docs/kubernetes-jobs.md"
            )
        assert self.kubernetes_mount is not None  # else it is lacking
        for name, place in {"jobs": str(self.jobs_folder), "repository": self.repository, "frame_store": self.frame_store}.items():
            if "://" not in place and not Path(place).absolute().is_relative_to(self.kubernetes_mount):
                raise ValueError(
                    f"launcher is 'kubernetes', and {name} is {place}, which training pods do not see: give "
                    f"{'a folder' if name == 'jobs' else 'a URL, or a folder'} under kubernetes_mount ({self.kubernetes_mount})"
                )
        return self

    def cluster(self, deadline_s: float, threads: int, devices: int) -> Cluster:
        """What launch/kubernetes.py needs."""
        return Cluster(
            image=self.kubernetes_image,
            namespace=self.kubernetes_namespace,
            volume=self.kubernetes_volume,
            mount=str(self.kubernetes_mount),
            config=self.kubernetes_config,
            resources=self.kubernetes_resources,
            node_selector=self.kubernetes_node_selector,
            tolerations=self.kubernetes_tolerations,
            runtime_class=self.kubernetes_runtime_class,
            service_account=self.kubernetes_service_account,
            secret=self.kubernetes_secret,
            deadline_s=deadline_s,
            threads=threads,
            devices=devices,
        )

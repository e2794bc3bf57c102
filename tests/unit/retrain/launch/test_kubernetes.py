"""Jobs in a cluster, through the official client against an API of the real shapes: created once, found again, read, ended; none of it ran on a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import SettingsError, StoreError
from retrain.launch.kubernetes import KubernetesLauncher, KubernetesRun
from retrain.launch.kubernetes_job import Cluster, job_name, manifest
from tests import kubernetes_api
from tests.kubernetes_api import faults, pod, waiting

NAME = "keepsight-Solar_Cells.v2-0123456789ab"


class Place:
    """A cluster's API, a job's folder and a clock of the test's."""

    def __init__(self, folder: Path, config: str, cluster: kubernetes_api.Cluster) -> None:
        self.cluster = cluster
        self.folder = folder / "job"
        self.folder.mkdir()
        self.now_s = 0.0
        self.launcher = KubernetesLauncher(settings(config), clock=lambda: self.now_s)

    def open(self, name: str = NAME) -> KubernetesRun:
        return self.launcher.open(str(self.folder), name)

    def ended(self, run: KubernetesRun) -> bool:
        """Whether it ended, by a fresh look."""
        self.now_s += 10
        return run.ended()


def settings(config: str, **more: object) -> Cluster:
    return Cluster(image="keepsight:1", namespace="keepsight", volume="shared", mount="/shared", config=config, **more)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    cluster = kubernetes_api.Cluster()
    with kubernetes_api.serving(cluster, tmp_path) as config:
        yield Place(tmp_path, config, cluster)


def test_a_job_is_created_once_however_often_it_is_opened(place: Place) -> None:
    for _ in range(3):
        assert not place.open().ended()
    assert place.cluster.created == [job_name(NAME)]
    place.open("keepsight-Solar_Cells.v2-another")
    assert len(place.cluster.created) == 2


def test_a_job_of_this_name_that_is_not_ours_is_not_taken_for_it(place: Place) -> None:
    place.open()
    with pytest.raises(StoreError, match=r"is not ours \(its annotations name .*: delete it, or set another kubernetes_namespace"):
        place.launcher.open(str(place.folder / "elsewhere"), NAME)


def test_the_manifest_is_what_the_official_models_describe_and_holds_no_secrets() -> None:
    whole = settings(
        "",
        resources={"cpu": "4", "nvidia.com/gpu": "2"},
        node_selector={"pool": "gpu"},
        tolerations=({"key": "pool", "operator": "Exists"},),
        runtime_class="nvidia",
        service_account="reader",
        secret="store-keys",
        devices=2,
    )
    for cluster in (settings(""), whole):
        body = manifest(cluster, NAME, "/shared/jobs/a/1", ("python", "-m", "retrain.trainer.candidate"))
        assert faults(body) == ""
    spec = body["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"][-4:] == ["python", "-m", "retrain.trainer.candidate", "/shared/jobs/a/1"]
    assert "torch.distributed.run" in spec["containers"][0]["command"]
    assert [one["key"] for one in spec["tolerations"]] == ["pool", "nvidia.com/gpu"]
    assert {"name": "memory", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"], (
        "what two devices exchange lies there"
    )
    alone = manifest(settings(""), NAME, "/shared", ("true",))["spec"]["template"]["spec"]
    assert [volume["name"] for volume in alone["volumes"]] == ["shared", "tmp"]
    assert alone["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": "store-keys"}}]
    assert spec["securityContext"]["runAsNonRoot"], "a namespace that enforces `restricted` takes it"
    assert not spec["enableServiceLinks"], "a Service's name becomes no variable of ours"
    misspelt = {**body, "spec": {**body["spec"], "backofLimit": 1}}
    assert "unknown or misread fields" in faults(misspelt), "the test's API would see it"


def test_names_are_dns_labels_and_differ_where_they_are_cut() -> None:
    long = ["keepsight-" + "Ärger_im.Werk-" * 8 + end for end in ("1", "2")]
    names = [job_name(name) for name in (NAME, *long)]
    assert names[0].startswith("keepsight-solar-cells-v2-0123456789ab-")
    assert len(set(names)) == 3
    for name in names:
        assert len(name) <= 63
        assert name.isascii()
        assert name.replace("-", "").isalnum()
        assert name == name.lower()


def test_steps_outcome_and_end_are_read_from_folder_and_api(place: Place) -> None:
    run = place.open()
    (place.folder / "steps.jsonl").write_text(json.dumps({"step": "train", "progress": 0.5}) + "\n")
    assert [step.step for step in run.progress(0).steps] == ["train"]
    assert not run.ended()
    (place.folder / "outcome.json").write_text('{"verdict": "rejected", "reason": "a test"}')
    place.cluster.ends(run.name, 0)
    assert not run.ended(), "the API is asked every few seconds only"
    assert place.ended(run)
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.reason == "a test"
    calls = len(place.cluster.calls)
    assert place.open().ended(), "what was answered is not asked again"
    assert len(place.cluster.calls) == calls


@pytest.mark.parametrize(
    ("code", "container", "kind", "told"),
    [
        (1, {}, "failed", "ended with status 1"),
        (137, {"reason": "OOMKilled"}, "out_of_memory", "raise memory in kubernetes_resources"),
        (137, {}, "killed", "status 137"),
    ],
)
def test_how_it_died(place: Place, code: int, container: dict[str, str], kind: str, told: str) -> None:
    run = place.open()
    place.cluster.ends(run.name, code, message="no space left on device", **container)
    assert place.ended(run)
    assert run.outcome() is None
    assert (run.death().kind, told in run.death().detail) == (kind, True)
    assert run.last_words() == "no space left on device", "the cluster kept it, where the folder was never written"


def test_deadline_disruption_and_deletion_are_told_apart(place: Place) -> None:
    run = place.open()
    place.cluster.ends(run.name, 143)
    (failed,) = place.cluster.jobs[run.name]["status"]["conditions"]
    failed["reason"] = "DeadlineExceeded"
    assert place.ended(run)
    assert run.death().kind == "timed_out"
    failed["reason"] = "PodFailurePolicy"
    drained = pod(
        run.name, phase="Failed", conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]
    )
    place.cluster.pods[run.name] = [drained]
    again = place.open()
    assert place.ended(again)
    assert again.death().kind == "disrupted"
    gone = place.open()
    del place.cluster.jobs[run.name]
    while not place.ended(gone):
        assert place.now_s < 200
    assert gone.death().kind == "vanished"


@pytest.mark.parametrize("end", ["complete", "deleted"])
def test_an_outcome_that_a_network_disk_shows_late_is_waited_for(place: Place, end: str) -> None:
    run = place.open()
    place.cluster.ends(run.name, 0)
    if end == "deleted":
        del place.cluster.jobs[run.name]
    for _ in range(6):
        assert not place.ended(run)
    (place.folder / "outcome.json").write_text('{"verdict": "rejected", "reason": "a test"}')
    assert place.ended(run)
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.reason == "a test"


def test_one_that_answered_nothing_is_waited_for_within_bounds(place: Place) -> None:
    run = place.open()
    place.cluster.ends(run.name, 0)
    looks = 0
    while not place.ended(run):
        looks += 1
    assert looks == 8
    assert (run.outcome(), run.death().kind) == (None, "failed")


def test_what_is_to_end_is_found_while_it_lives_and_nothing_is_started(place: Place) -> None:
    assert place.launcher.find(str(place.folder), NAME) is None
    run = place.open()
    assert place.launcher.find(str(place.folder / "elsewhere"), NAME) is None
    found = place.launcher.find(str(place.folder), NAME)
    assert found is not None
    assert not found.ended()
    found.stop(5.0)
    assert found.ended()
    assert place.launcher.find(str(place.folder), NAME) is None
    assert place.cluster.created == [run.name]


def test_why_a_pod_has_not_begun_is_said(place: Place) -> None:
    run = place.open()
    place.cluster.pods[run.name] = [pod(run.name, **waiting("ImagePullBackOff", 'Back-off pulling image "keepsight:1"'))]
    assert not place.ended(run)
    assert run.waits() == 'its pod has not begun: ImagePullBackOff Back-off pulling image "keepsight:1"'
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
    place.cluster.pods[run.name] = [pod(run.name, phase="Pending", conditions=[unscheduled])]
    assert not place.ended(run)
    assert run.waits() == "its pod has not begun: Unschedulable 0/3 nodes are available"
    place.cluster.pods[run.name] = [pod(run.name)]
    assert not place.ended(run)
    assert run.waits() == ""


def test_stopped_it_is_deleted_and_abandoned_it_goes_on(place: Place) -> None:
    run = place.open()
    run.abandon(5.0)
    assert list(place.cluster.jobs) == [run.name]
    run.stop(5.0)
    run.stop(5.0)
    assert run.ended()
    assert not place.cluster.jobs


def test_one_that_is_deleted_has_ended_when_its_pod_is_gone(place: Place) -> None:
    """The next attempt trains in the same folder."""
    run = place.open()
    place.cluster.lingers = True
    run.stop(5.0)
    assert not place.ended(run)
    found = place.launcher.find(str(place.folder), NAME)
    assert found is not None
    found.stop(5.0)
    assert not found.ended()
    place.cluster.forget(run.name)
    assert place.ended(run)
    assert place.ended(found)
    assert place.launcher.find(str(place.folder), NAME) is None


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_cluster_that_refuses_is_said_and_asked_again(place: Place, status: int) -> None:
    place.cluster.refuses = status
    with pytest.raises(
        StoreError, match=rf"refuses to create in namespace keepsight: {status} .*as the test wants.*kubernetes-jobs\.md"
    ):
        place.open()
    place.cluster.refuses = 0
    run = place.open()
    place.cluster.refuses = status
    with pytest.raises(StoreError, match=f"refuses to get .* {status}"):
        place.ended(run)
    asked = len(place.cluster.calls)
    with pytest.raises(StoreError, match=f"refuses to get .* {status}"):
        run.ended()
    assert len(place.cluster.calls) == asked, "a call may take seconds: in a turn there is one, and then none for a while"
    place.cluster.refuses = 0
    assert not place.ended(run)


def test_a_cluster_that_is_away_is_said(tmp_path: Path) -> None:
    with kubernetes_api.serving(kubernetes_api.Cluster(), tmp_path) as config:
        launcher = KubernetesLauncher(settings(config))
    with pytest.raises(StoreError, match=r"does not answer \(create\)"):
        launcher.open(str(tmp_path), NAME)


def test_no_way_to_a_cluster_is_a_setting_to_mend(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the service account of this pod leads to no cluster"):
        KubernetesLauncher(settings(""))
    with pytest.raises(SettingsError, match=r"kubernetes_config .* leads to no cluster"):
        KubernetesLauncher(settings(str(tmp_path / "none")))

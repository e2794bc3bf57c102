"""What a Job and its pods, as the API shows them, say of a training process. Pure: batch/v1 Job and v1 Pod in JSON."""

from typing import Any, Final

from retrain.launch.launcher import Death

_OUT_OF_MEMORY: Final = 137


def condition(job: dict[str, Any]) -> dict[str, Any] | None:
    """The condition that ends a Job, once it stands."""
    for one in (job.get("status") or {}).get("conditions") or []:
        if one["type"] in ("Complete", "Failed") and one["status"] == "True":
            return dict(one)
    return None


def terminated(pod: dict[str, Any]) -> dict[str, Any]:
    """How a pod's container ended; empty while it has not."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return dict((statuses[0].get("state") or {}).get("terminated") or {})


def death(name: str, job: dict[str, Any], pods: list[dict[str, Any]]) -> Death:
    """How a Job that left no outcome ended."""
    end_of_job = condition(job) or {}
    reason, message = end_of_job.get("reason", ""), end_of_job.get("message", "")
    if reason == "DeadlineExceeded":
        return Death("timed_out", f"its Job {name} took longer than job_timeout_s: {message}")
    end = terminated(pods[-1]) if pods else {}
    if end.get("reason") == "OOMKilled":
        return Death("out_of_memory", f"its pod of Job {name} was killed: out of memory; raise memory in kubernetes_resources")
    if any(_disrupted(pod) for pod in pods[-1:]):
        return Death("disrupted", f"the pod of Job {name} lost its node: {message or reason}")
    code = end.get("exitCode")
    if code == _OUT_OF_MEMORY:
        return Death("killed", f"its pod of Job {name} was killed (status 137): out of memory, or by a person")
    if code is None:
        return Death("failed", f"its Job {name} ended: {reason} {message}".rstrip())
    return Death(
        "failed", f"its pod of Job {name} ended with status {code}; what it said last stands in the log of keepsight-retrain"
    )


def _disrupted(pod: dict[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "DisruptionTarget" and one["status"] == "True" for one in conditions)


def waiting(pod: dict[str, Any]) -> str:
    """What a pod waits for that has not begun: a node, its image, its volume."""
    status = pod.get("status") or {}
    if status.get("phase") != "Pending":
        return ""
    waits = ((status.get("containerStatuses") or [{}])[0].get("state") or {}).get("waiting") or {}
    unscheduled = [one for one in status.get("conditions") or [] if one["type"] == "PodScheduled" and one["status"] == "False"]
    told = waits or (unscheduled[0] if unscheduled else {})
    return f"its pod has not begun: {told.get('reason', 'Pending')} {told.get('message') or ''}".strip()

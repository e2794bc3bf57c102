"""Values that are wrong are refused before anything is made, in words that name the value and what is allowed."""

import re
from typing import Any

import helm_python as helm
import pytest
import yaml

from tests.chart import CHART, render, values

TEXT = (CHART / "values.yaml").read_text()


def with_(**more: Any) -> dict[str, Any]:
    """The least values, and more of a table each."""
    plain = values("minimal")
    return {**plain, **{key: {**plain.get(key, {}), **one} if isinstance(one, dict) else one for key, one in more.items()}}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"modell": "x"}, "additional properties 'modell' not allowed"),
        ({"model": "a b"}, "at '/model': 'a b' does not match pattern"),
        ({"serving": {"settings": {"worker": 4}}}, "at '/serving/settings': additional properties 'worker' not allowed"),
        ({"serving": {"settings": {"port": 9000}}}, "at '/serving/settings': additional properties 'port' not allowed"),
        ({"serving": {"settings": {"workers": 0}}}, "at '/serving/settings/workers': minimum: got 0, want 1"),
        ({"serving": {"cameras": {"a/b": {"site": "x"}}}}, "at '/serving/cameras': additional properties 'a/b' not allowed"),
        (
            {"serving": {"cameras": {"a": {"site": "x", "stream": "film"}}}},
            "at '/serving/cameras/a/stream': value must be one of 'items', 'video'",
        ),
        ({"serving": {"cameras": {"a": {}}}}, "at '/serving/cameras/a': missing property 'site'"),
        ({"serving": {"replicas": 0}}, "at '/serving/replicas': minimum: got 0, want 1"),
        ({"serving": {"autoscaling": {"minReplicas": 0}}}, "at '/serving/autoscaling/minReplicas': minimum: got 0, want 1"),
        ({"serving": {"autoscaling": {"by": "lag"}}}, "at '/serving/autoscaling/by': value must be one of 'hpa', 'keda'"),
        ({"serving": {"image": {"digest": "sha256:12"}}}, "at '/serving/image/digest': 'sha256:12' does not match pattern"),
        (
            {"serving": {"terminationGracePeriodSeconds": 30}},
            "at '/serving/terminationGracePeriodSeconds': minimum: got 30, want 75",
        ),
        ({"monitor": {"autoscaling": {}}}, "at '/monitor': additional properties 'autoscaling' not allowed"),
        ({"monitor": {"settings": {"state_password": "x"}}}, "additional properties 'state_password' not allowed"),
        (
            {"retrain": {"settings": {"approval": "never"}}},
            "at '/retrain/settings/approval': value must be one of 'auto', 'on_inconclusive', 'always'",
        ),
        ({"retrain": {"jobs": {"resources": {"cpu": 4}}}}, "at '/retrain/jobs/resources/cpu': got number, want string"),
        ({"log": {"brokers": ["kafka"]}}, "at '/log/brokers/0': 'kafka' does not match pattern"),
        ({"log": {"sasl": {"serviceSecrets": {"server": "x"}}}}, "additional properties 'server' not allowed"),
        ({"networkPolicy": {"more": {"server": []}}}, "at '/networkPolicy/more': additional properties 'server' not allowed"),
        ({"retrain": {"startSeconds": 1}}, "at '/retrain/startSeconds': minimum: got 1, want 2"),
        ({"stores": {"repository": "/models"}}, "at '/stores/repository': '/models' does not match pattern"),
        ({"sharedVolume": {"size": "big"}}, "at '/sharedVolume/size': 'big' does not match pattern"),
        ({"consoleUrl": "keepsight.example.org"}, "at '/consoleUrl': 'keepsight.example.org' does not match pattern"),
    ],
)
def test_the_schema_refuses(more: dict[str, Any], said: str) -> None:
    with pytest.raises(helm.HelmValuesError) as refused:
        render(with_(**more))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"log": {"brokers": []}}, "log.brokers is empty: name the Kafka brokers"),
        ({"log": {"embedded": True}}, "log.embedded is true beside log.brokers"),
        ({"log": {"brokers": [], "embedded": True}}, "serving.replicas is 2, and the embedded log is for one node"),
        (
            {"log": {"brokers": [], "embedded": True}, "serving": {"replicas": 1, "autoscaling": {"enabled": True}}},
            "serving.autoscaling is enabled, and the embedded log is for one node",
        ),
        (
            {"serving": {"keys": {}}},
            "serving asks nobody who he is: name the Secret with its keys file in serving.keys.existingSecret",
        ),
        ({"monitor": {"open": True}}, "monitor.open is true beside keys"),
        ({"serving": {"tls": {"clients": True}}}, "serving.tls.clients needs serving.tls.existingSecret"),
        (
            {"monitor": {"replicas": 2}},
            "monitor.replicas is 2: several share their state in PostgreSQL; set postgres.existingSecret",
        ),
        ({"retrain": {"replicas": 3}}, "retrain.replicas is 3"),
        (
            {"monitor": {"keys": {}, "open": True, "ingress": {"enabled": True}}},
            "monitor.ingress is enabled and the console asks nobody for a key",
        ),
        (
            {"serving": {"autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}}},
            "maxReplicas is 4, below minReplicas 5",
        ),
        ({"serving": {"autoscaling": {"enabled": True, "by": "keda"}}}, "set serving.autoscaling.prometheus"),
        (
            {"serving": {"settings": {"drain_s": 30}}},
            "serving.terminationGracePeriodSeconds is 90, and a server may take 90 s to stop: stopDelaySeconds 10, 30 for requests",
        ),
        ({"serving": {"stopDelaySeconds": 30.5}}, "a server may take 90.5 s to stop: stopDelaySeconds 30.5"),
        ({"retrain": {"settings": {"stop_grace_s": 55}}}, "retrain.terminationGracePeriodSeconds is 60, and its training process"),
        (
            {"log": {"brokers": ["kafka:9092"], "sasl": {"serviceSecrets": {"serving": "a", "monitor": "b"}}}},
            "log.sasl.serviceSecrets names no Secret for retrain, and log.sasl.existingSecret",
        ),
        (
            {"retrain": {"image": {"digest": f"sha256:{'0' * 64}"}, "jobs": {"enabled": True, "gpus": 1}}},
            "Jobs with GPUs need its CUDA build: name that in retrain.jobs.image",
        ),
        ({"retrain": {"gpu": {"enabled": True}, "jobs": {"enabled": True}}}, "with retrain.jobs.enabled set retrain.jobs.gpus"),
    ],
)
def test_what_contradicts_itself_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(helm.HelmRenderError) as refused:
        render(with_(**more))
    assert said in str(refused.value)


def test_it_may_be_a_part_of_another_chart() -> None:
    assert render(with_(**{"global": {"domain": "example.org"}}))


def test_every_value_is_explained_where_it_first_stands() -> None:
    """A key that comes again (monitor.nodeSelector) needs no second word, one that Kubernetes knows by that name none."""
    told = {matched[1] for line in TEXT.splitlines() if (matched := re.match(r" *(\w+):.*  # ", line))}
    of_kubernetes = {
        "nodeSelector",
        "tolerations",
        "affinity",
        "priorityClassName",
        "podLabels",
        "podAnnotations",
        "resources",
        "className",
        "name",
        "tag",
    }
    of_kubernetes |= {"annotations", "labels", "digest", "interval", "scrapeTimeout"}
    assert leaves(yaml.safe_load(TEXT)) <= told | of_kubernetes


def test_every_value_is_read_by_a_template() -> None:
    templates = "".join(path.read_text() for path in sorted((CHART / "templates").rglob("*.*")))
    read = set(re.findall(r"\.(\w+)", templates)) | set(re.findall(r'"(\w+)"', templates))
    assert leaves(yaml.safe_load(TEXT)) <= read


def leaves(table: dict[str, Any]) -> set[str]:
    """The keys of values.yaml that have a value, or a table of the user's."""
    found = set()
    for key, one in table.items():
        found |= leaves(one) if isinstance(one, dict) and one and key not in ("resources", "labels") else {key}
    return found

"""What each profile renders: linted by Helm, valid to the letter for the last three minor versions of Kubernetes, as the golden files have it, and with no
reference that leads nowhere."""

import difflib
import functools
import json
import os
from pathlib import Path
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from tests.chart import CHART, NAME, PROFILES, Document, notes, pods, render, rendered, values

GOLDEN = Path(__file__).parent / "golden"
WRITE = bool(os.environ.get("KEEPSIGHT_TEST_WRITE_GOLDEN"))
VERSIONS = ("1.35", "1.36", "1.37")
CUSTOM = ("ServiceMonitor", "PrometheusRule", "ScaledObject")
PLAIN = "minimal"
"""The profile whose golden file is whole; those of the others are what differs from it."""


@pytest.mark.parametrize("profile", PROFILES)
def test_helm_lints_it(profile: str) -> None:
    report = helm.lint(str(CHART), values(profile), strict=True, namespace="vision", kube_version="v1.35.0")
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"]
    assert report["errors"] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_to_the_letter(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))  # parsed anew for each document otherwise
    distinct = {json.dumps(one, sort_keys=True): one for profile in PROFILES for one in rendered(profile).values()}
    checked = {kubernetes_validate.validate(one, version, strict=True) for one in distinct.values() if one["kind"] not in CUSTOM}
    assert checked == {version}


@pytest.mark.parametrize("profile", PROFILES)
def test_it_is_as_the_golden_file_has_it(profile: str) -> None:
    path = GOLDEN / (f"{profile}.yaml" if profile == PLAIN else f"{profile}.diff")
    said = "".join(texts(profile).values()) if profile == PLAIN else difference(texts(PLAIN), texts(profile))
    if WRITE:
        path.write_text(said)
    assert path.read_text() == said, "if that is meant: make golden, and read what git diff says"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(PROFILES)


def texts(profile: str) -> dict[str, str]:
    """Each document as text. What is copied from elsewhere, and a digest, are left out: they have tests of their own."""
    made = {}
    for (kind, name), one in sorted(rendered(profile).items()):
        shown = json.loads(json.dumps(one))
        if kind == "PrometheusRule":
            shown["spec"] = "as in files/rules"
        if "dashboard" in name:
            shown["data"] = dict.fromkeys(one["data"], "as in files/dashboards")
        if kind == "StatefulSet":
            shown["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] = "of the settings"
        made[f"{kind} {name}"] = f"--- # {kind} {name}\n" + yaml.dump(
            shown, Dumper=Readable, sort_keys=False, allow_unicode=True, width=160
        )
    return made


class Readable(yaml.SafeDumper):
    """Writes a text of several lines as such."""


Readable.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
)


def difference(plain: dict[str, str], other: dict[str, str]) -> str:
    """What differs, document by document, without line numbers."""
    said = []
    for name in sorted({**plain, **other}):
        if name not in other:
            said.append(f"- {name}\n")
        elif plain.get(name) != other[name]:
            before, after = plain.get(name, "").splitlines(True), other[name].splitlines(True)
            lines = [line for line in difflib.unified_diff(before, after, n=2) if not line.startswith(("---\n", "+++", "--- \n"))]
            said.append(f"{'~' if name in plain else '+'} {name}\n")
            said += ["    …\n" if line.startswith("@@") else f"    {line.rstrip()}\n" for line in lines]
    return "".join(said)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_reference_leads_somewhere(profile: str) -> None:
    made, given = rendered(profile), values(profile)
    for (kind, name), one in made.items():
        spec = one.get("spec", {})
        if kind == "StatefulSet":
            assert ("Service", spec["serviceName"]) in made
            assert made["Service", spec["serviceName"]]["spec"]["clusterIP"] == "None"
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
        elif kind == "Service":
            (pod,) = selected(profile, spec["selector"])
            assert {port["targetPort"] for port in spec["ports"]} <= ports(pod), name
        elif kind == "PodDisruptionBudget":
            assert len(selected(profile, spec["selector"]["matchLabels"])) == 1
        elif kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]
            assert (target["kind"], target["name"]) in made
            assert "replicas" not in made[target["kind"], target["name"]]["spec"], "an upgrade must not scale it back"
        elif kind == "Ingress":
            backend = spec["rules"][0]["http"]["paths"][0]["backend"]["service"]
            assert backend["port"]["name"] in {port["name"] for port in made["Service", backend["name"]]["spec"]["ports"]}
        elif kind == "ServiceMonitor":
            (service,) = [other for (what, _), other in made.items() if what == "Service" and matches(other, spec["selector"])]
            assert {endpoint["port"] for endpoint in spec["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
    named = {given.get("sharedVolume", {}).get("existingClaim")}
    for name, pod in pods(profile).items():
        spec = pod["spec"]
        account = spec.get("serviceAccountName")
        assert account is None or ("ServiceAccount", account) in made or account == "vision-reader", name
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        claims = {
            one["metadata"]["name"]
            for one in made.get(("StatefulSet", name.partition("/")[2]), {}).get("spec", {}).get("volumeClaimTemplates", [])
        }
        assert not set(volumes) & claims
        mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        assert mounted == set(volumes) | claims, name
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in made
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert ("PersistentVolumeClaim", claim) in made or claim in named


def selected(profile: str, labels: dict[str, str]) -> list[Document]:
    """The pods that labels select."""
    return [pod for pod in pods(profile).values() if labels.items() <= pod["metadata"]["labels"].items()]


def matches(service: Document, selector: dict[str, Any]) -> bool:
    return bool(selector["matchLabels"].items() <= service["metadata"]["labels"].items())


def ports(pod: Document) -> set[str]:
    return {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", [])}


def test_selectors_and_claims_hold_over_upgrades() -> None:
    """Kubernetes refuses to change them: nothing in them may follow from a version."""
    for (kind, name), one in rendered(PLAIN).items():
        if kind == "StatefulSet":
            expected = {"app.kubernetes.io/name": "keepsight", "app.kubernetes.io/instance": "demo"}
            section = name.removeprefix(f"{NAME}-")
            assert one["spec"]["selector"]["matchLabels"] == {**expected, "app.kubernetes.io/component": section}
            assert one["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"] == one["spec"]["selector"]["matchLabels"]


def test_a_release_called_keepsight_repeats_no_name_and_a_long_one_fits() -> None:
    assert ("StatefulSet", "keepsight-serving") in render(values(PLAIN), "keepsight")
    longest = render(values(PLAIN), "a" * 53)
    assert max(len(name) for kind, name in longest if kind == "StatefulSet") + len("-0123456789") <= 63


def test_the_notes_name_the_next_three_commands() -> None:
    said = notes(values("ingress"))
    assert f"exec {NAME}-retrain-0 -- keepsight import-model" in said
    assert f"exec {NAME}-retrain-0 -- keepsight status" in said
    assert "https://vision.example.org/console/" in said
    assert f"https://{NAME}-serving.vision:443/v1/frames" in said
    assert "No camera is named" in said
    assert "WARNING" not in said
    assert "serving has one replica" not in notes(values("one-node"))
    assert "lost with their pod" in notes(values("bare"))

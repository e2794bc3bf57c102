"""The Dockerfile's rules, read from it: nothing here builds an image (no container engine is at hand)."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

from contracts.settings import read_toml
from monitor.settings import MonitorSettings
from retrain.settings import RetrainSettings
from serving.settings import ServingSettings

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
TARGETS = {"serving": "cpu", "serving-cuda": "gpu", "monitor": "report", "retrain": "train", "retrain-cuda": "train"}
"""Each image, and an extra that it cannot do without."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
Instruction = tuple[str, str]


def stages() -> dict[str, tuple[str, list[Instruction]]]:
    """Of each stage the one that it begins from, and its instructions."""
    text = re.sub(r"\\\n\s*", "", (DOCKER / "Dockerfile").read_text())
    found: dict[str, tuple[str, list[Instruction]]] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            found[name] = (base, [])
        elif name:
            found[name][1].append((word, rest.strip()))
    return found


STAGES = stages()


def history(name: str) -> list[Instruction]:
    """The instructions of a stage, those of the stages before it first."""
    base, own = STAGES[name]
    return [*(history(base) if base in STAGES else []), *own]


def last(name: str, word: str) -> str:
    return [rest for one, rest in history(name) if one == word][-1]


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_runs_as_nobody_under_an_init_and_says_how_it_is(name: str) -> None:
    assert last(name, "USER") == "10001:10001"
    assert last(name, "ENTRYPOINT") == '["tini", "--"]'
    service = name.partition("-")[0]
    assert last(name, "CMD") == f'["keepsight-{service}"]'
    assert f"keepsight-{service}" in PROJECT["project"]["scripts"]
    port = (
        {"serving": ServingSettings, "monitor": MonitorSettings, "retrain": RetrainSettings}[service].model_fields["port"].default
    )
    assert last(name, "EXPOSE") == str(port)
    assert f"127.0.0.1:{port}/livez" in last(name, "HEALTHCHECK")
    labels = last(name, "LABEL")
    assert all(f"org.opencontainers.image.{one}=" in labels for one in ("title", "description", "version", "revision"))


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_has_no_build_tools_and_belongs_to_root(name: str) -> None:
    ran = " ".join(rest for word, rest in history(name) if word == "RUN")
    assert "pip install" not in ran
    assert "rm -rf /usr/local/lib/python3.11/site-packages/*" in ran
    assert not re.search(r"build-essential|gcc|git\b|curl", ran)
    copied = [rest for word, rest in history(name) if word in ("COPY", "ADD")]
    assert copied == [f"--from=build-{name} --chown=0:0 /opt/keepsight /opt/keepsight"], "its user may not write what it runs"


def test_bases_are_pinned_by_an_argument_and_nothing_is_latest() -> None:
    bases = {base for base, _ in STAGES.values() if base not in STAGES}
    assert bases == {"docker.io/library/python:${PYTHON_TAG}${PYTHON_DIGEST:+@}${PYTHON_DIGEST}"}
    text = (DOCKER / "Dockerfile").read_text()
    assert "PYTHON_TAG=3.11-" in text
    assert "latest" not in text
    assert "ADD " not in text
    assert not re.search(r"(?i)password|secret|token|api_key", text)
    assert text.count("apt-get install") == text.count("--no-install-recommends") == text.count("rm -rf /var/lib/apt/lists/*")


@pytest.mark.parametrize("name", TARGETS)
def test_packages_are_those_of_the_constraints(name: str) -> None:
    ran = " ".join(rest for word, rest in STAGES[f"build-{name}"][1] if word == "RUN")
    (extras,) = re.findall(r"requirements\.py (\S+) ", ran)
    assert TARGETS[name] in extras.split(",")
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])
    assert ("cpu" in extras) != ("gpu" in extras) or name == "monitor", "exactly one of them brings ONNX Runtime"
    assert "-r requirements.txt -c pinned.txt" in ran
    assert "install --no-deps /wheels/*.whl" in ran


def test_the_wheel_is_made_of_every_package_and_the_context_holds_no_more() -> None:
    copied = [rest.split() for word, rest in STAGES["wheel"][1] if word == "COPY"]
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {source for source, _ in copied} == packages | {"README.md"}
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert [line for line in ignored if not line.startswith("#")][0] == "*"  # noqa: RUF015 - the first rule
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    assert let_in == packages | {"README.md", "pyproject.toml", "constraints.txt", "docker/requirements.py"}
    assert all((ROOT / one).exists() for one in let_in)


def test_requirements_are_those_of_the_extras_and_pins_those_of_the_tests(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("requirements", DOCKER / "requirements.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    module.main(tmp_path, "cpu,postgres", "s3fs==1")
    wanted = (tmp_path / "requirements.txt").read_text().splitlines()
    extras = PROJECT["project"]["optional-dependencies"]
    assert wanted == [*PROJECT["project"]["dependencies"], *extras["cpu"], *extras["postgres"], "s3fs==1"]
    pinned, known = ((tmp_path / name).read_text().splitlines() for name in ("pinned.txt", "constraints.txt"))
    assert [line.partition("==")[0] for line in known if line not in pinned] == ["fsspec", "kubernetes", "python-dateutil"]
    assert [line for line in pinned if line not in known] == ["kubernetes==37.0.1"], "the last that s3fs can stand beside"
    module.main(tmp_path, "cpu")
    assert (tmp_path / "pinned.txt").read_text() == (tmp_path / "constraints.txt").read_text()
    with pytest.raises(KeyError):
        module.main(tmp_path, "cpuu")


def test_bake_names_every_target() -> None:
    text = (DOCKER / "bake.hcl").read_text()
    for listed in re.findall(r"= \[([^\]]*serving[^\]]*)\]", text):
        assert set(re.findall(r'"([\w-]+)"', listed)) == set(TARGETS)
    assert f'"TAG" {{ default = "{PROJECT["project"]["version"]}" }}' in text


@pytest.mark.parametrize("settings", [ServingSettings, MonitorSettings, RetrainSettings])
def test_its_settings_file_is_read(settings: type[ServingSettings]) -> None:
    assert read_toml(settings, DOCKER / "keepsight.toml")["log"] == "kafka://kafka:9092"

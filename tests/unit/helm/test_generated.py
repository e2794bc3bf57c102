"""What the chart takes from elsewhere is as there: the schema from values.yaml and the settings classes, rules and dashboards from dashboards/."""

import importlib.util
import tarfile
from importlib.metadata import version
from pathlib import Path

import helm_python as helm

from tests.chart import CHART, NAMESPACE, RELEASE, chart, values

PATH = Path(__file__).parents[3] / "helm" / "generate.py"
SPEC = importlib.util.spec_from_file_location("chart_generate", PATH)
assert SPEC is not None
assert SPEC.loader is not None
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


def test_nothing_is_stale() -> None:
    assert generate.main(["--check"]) == 0, "run `make generate` and commit the result"


def test_a_setting_is_a_persons_or_the_charts_never_both() -> None:
    made = generate.schema()["properties"]
    for section, of in generate.SERVICES.items():
        offered = made[section]["properties"]["settings"]["properties"]
        assert not [name for name in offered if generate.DECIDED.fullmatch(name)]
        decided = [name for name in of.model_fields if generate.DECIDED.fullmatch(name)]
        assert {*offered, *decided} >= set(of.model_fields) - set(generate.ServiceSettings.model_fields)
    assert set(made["settings"]["properties"]) == {"log_level", "new_classes"}


def test_comments_of_values_are_found_by_path() -> None:
    told = generate.comments("a:  # one\n  b: x  # two\n  c: 'http://h'\nd: {e: 1}  # three\n")
    assert told == {"a": "one", "a.b": "two", "a.c": "", "d": "three"}
    assert generate.comments((CHART / "values.yaml").read_text())["serving.state.size"].startswith("more than spool_max_bytes")


def test_a_package_renders_the_same_and_leaves_the_profiles_out(tmp_path: Path) -> None:
    archive = Path(helm.package(str(CHART), destination=str(tmp_path)))
    assert archive.name == f"keepsight-{version('keepsight')}.tgz", "chart and release go together"
    with tarfile.open(archive) as packed:
        names = packed.getnames()
    assert "keepsight/values.schema.json" in names
    assert not [name for name in names if name.startswith("keepsight/ci/")]
    with helm.Chart.load_archive(archive.read_bytes()) as packaged:
        assert packaged.render(values("monitoring"), name=RELEASE, namespace=NAMESPACE) == chart().render(
            values("monitoring"), name=RELEASE, namespace=NAMESPACE
        )

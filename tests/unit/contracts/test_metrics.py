"""What every declared metric holds: Prometheus' naming, closed labels, and instruments that can be made."""

import importlib
import pkgutil
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

import contracts
from contracts import metrics, metrics_process
from contracts.metrics import Spec

MODULES = sorted(module.name for module in pkgutil.iter_modules(contracts.__path__) if module.name.startswith("metrics_"))
SPECS: list[Spec] = [spec for name in MODULES for spec in importlib.import_module(f"contracts.{name}").ALL]


def test_every_room_has_declared_some() -> None:
    assert "metrics_serving" in MODULES
    assert SPECS


def test_no_name_is_declared_twice() -> None:
    names = [spec.name for spec in SPECS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", MODULES)
def test_all_holds_all(name: str) -> None:
    module = importlib.import_module(f"contracts.{name}")
    assert {id(value) for value in vars(module).values() if isinstance(value, Spec)} == {id(spec) for spec in module.ALL}


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_a_declaration_is_sound(spec: Spec) -> None:
    standard = spec in metrics_process.ALL and spec.name != metrics_process.BUILD_INFO.name  # the client library's names
    assert re.fullmatch(r"process_[a-z_]+" if standard else r"keepsight_[a-z0-9_]+", spec.name)
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert spec.help.endswith(".")
    assert len(set(spec.labels)) == len(spec.labels)
    assert "camera" not in spec.labels or spec.name.endswith("_top")  # a bounded number of cameras, for the worst only
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert list(spec.buckets) == sorted(set(spec.buckets))
    assert not re.search(r"_(ms|milliseconds|minutes|hours|mb|kb|percent)(_|$)", spec.name)


@pytest.mark.parametrize("spec", SPECS, ids=[spec.name for spec in SPECS])
def test_an_instrument_is_exported_under_its_name(spec: Spec) -> None:
    registry = CollectorRegistry()
    made = getattr(metrics, spec.kind)(spec, registry)
    if spec.labels:
        made = made.labels(*spec.labels)
    assert re.search(rf"^{spec.name}(_bucket)?[{{ ]", generate_latest(registry).decode(), re.MULTILINE)

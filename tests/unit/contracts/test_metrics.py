"""What every declared metric holds: Prometheus' naming, closed labels, and instruments that can be made."""

import importlib
import pkgutil
import re
import threading
from concurrent.futures import ThreadPoolExecutor

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


def test_a_sheet_is_whole_in_every_scrape() -> None:
    """Series that go and others that come, while somebody scrapes."""
    registry, asked = CollectorRegistry(), Spec("keepsight_of_one", "gauge", "One.", ("number",))
    sheet, over = metrics.Sheet((asked, Spec("keepsight_of_two", "gauge", "Two.", ("number",))), registry), threading.Event()

    def show() -> None:
        for turn in range(100):
            gauges = sheet.blank()
            for gauge in gauges.values():
                for number in range(20):
                    gauge.labels(str(number)).set(turn)
            sheet.show(gauges)
        over.set()

    seen = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(show)
        while not over.is_set():
            seen.append([sample for metric in registry.collect() for sample in metric.samples])
    assert {len(samples) for samples in seen} <= {0, 40}
    assert all(len({sample.value for sample in samples}) <= 1 for samples in seen)
    assert registry.get_sample_value("keepsight_of_one", {"number": "19"}) == 99


def test_nobody_else_takes_a_name_of_a_sheet() -> None:
    registry, spec = CollectorRegistry(), Spec("keepsight_of_one", "gauge", "One.")
    metrics.Sheet((spec,), registry)
    with pytest.raises(ValueError, match="Duplicated"):
        metrics.gauge(spec, registry)

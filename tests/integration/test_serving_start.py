"""How serving starts, and how it says that it cannot."""

import subprocess
import sys
from pathlib import Path

from serving.settings import ServingSettings
from tests.serving_process import ROOT, ServingProcess
from tests.small_model import publish_small_version


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_serving_imports_no_training_library() -> None:
    heavy = _run(
        "-c", "import sys, serving.__main__; print(sorted({'torch', 'onnx', 'kafka', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert heavy.stdout.strip() == "[]", heavy.stderr


def test_help_explains_every_setting() -> None:
    text = _bare(_run("-m", "serving", "--help").stdout)
    for name, field in ServingSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}VALUE{_bare(field.description or 'no description')}" in text


def test_a_wrong_setting_is_said_in_one_line(tmp_path: Path) -> None:
    ended = _run("-m", "serving", "--state", str(tmp_path), "--log", "nats://here")
    assert ended.returncode == 2
    assert "allowed: embedded:///" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_second_process_is_told_what_the_first_holds(tmp_path: Path) -> None:
    first = ServingProcess(tmp_path)
    publish_small_version(first.repository)
    first.start()
    try:
        again = _run("-m", "serving", "--settings", str(first.write_settings()))
        assert again.returncode == 2
        assert "another serving process uses" in again.stderr
        taken = _run(
            "-m",
            "serving",
            "--settings",
            str(first.write_settings()),
            "--port",
            str(first.port),
            "--state",
            str(tmp_path / "other"),
        )
        assert taken.returncode == 2
        assert f"cannot listen on 127.0.0.1:{first.port}" in taken.stderr
    finally:
        assert first.stop() == 0


def _bare(text: str) -> str:
    """Without white space: help wraps its lines, at hyphens too."""
    return "".join(text.split())

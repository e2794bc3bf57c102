"""Jobs while they go on: in place on a terminal, only what changed elsewhere."""

import pytest

from standalone import job_live
from standalone.job_live import Picture, follow

STORY = (
    Picture(["job a  running", "  train  10%"], 0.1, False),
    Picture(["job a  running", "  train  10%"], 0.1, False),
    Picture(["job a  running", "  train  60% [/bold]"], 0.6, False),
    Picture(["job a  succeeded"], None, True),
)


@pytest.mark.parametrize("terminal", [False, True])
def test_the_course_of_a_job(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(job_live, "_EVERY_S", 0.0)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    pictures = iter(STORY)
    follow(lambda: next(pictures))
    said = capsys.readouterr().out
    if terminal:
        pytest.importorskip("rich")
        assert "job a  succeeded" in said
    else:
        assert said.splitlines() == ["job a  running", "  train  10%", "  train  60% [/bold]", "job a  succeeded"]
    assert next(pictures, None) is None

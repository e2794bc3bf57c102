"""The console on a monitor's port: what the log tells is shown, whose key may decide, and what a person decides stands on the log with name and key."""

import re
import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts import events
from contracts.events import FrameLabelled, JobAdvanced, LabelsWanted, RequestRetrain, WantedFrame
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.keys import new_key
from contracts.predictions import Classification, ClassTruth, Scored
from tests.integration.test_monitor import House, eventually
from tests.monitor_line import MODEL, START, Line
from tests.small_model import LABELS, photographs

READS, READS_LINE = new_key("on-call", ["monitor"])
DECIDES, DECIDES_LINE = new_key("ada", ["monitor", "console"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, Line(tmp_path))
    (tmp_path / "keys").write_text(READS_LINE + DECIDES_LINE)
    house.settings.write_text(house.settings.read_text() + f'keys_file = "{tmp_path}/keys"\n')
    yield house
    if house.process is not None and house.process.poll() is None:
        house.stop(signal.SIGKILL)
    house.bus.close()


def ask(house: House, path: str, key: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body, with or without a form; a redirect is followed, as browsers do."""
    data = urllib.parse.urlencode(fields).encode() if fields is not None else None
    where = f"console/{path}" if path != ".." else ""
    request = urllib.request.Request(f"http://127.0.0.1:{house.port}/{where}", data, {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_shows_the_log_and_writes_to_it_for_those_who_may(house: House, tmp_path: Path) -> None:
    frame_id = new_id(START)
    card = StoredFrame(
        frame_id=frame_id, model=MODEL, camera="cam-1", site="hall", captured_at=START, codec="jpeg", sample="uniform",
        predictions=(Scored("1", "champion", Classification(LABELS, (0.6, 0.4))),), path=frame_path(MODEL, frame_id, "jpeg"),
    )  # fmt: skip
    FrameStore(str(tmp_path / "frames")).put(card, photographs(1)[0][0])
    about = {"occurred_at": START, "model": MODEL}
    wanted = WantedFrame(frame_id, "cam-1", card.path, "uniform")
    told = [
        JobAdvanced(
            **about, event_id=new_id(START), job_id=new_id(START), request_key="k", state="held", hold="labels", detail="12 of 200"
        ),  # type: ignore[arg-type]  # of `about`
        LabelsWanted(**about, event_id=new_id(START), frames=(wanted,)),  # type: ignore[arg-type]  # of `about`
    ]
    house.publish(told)
    house.start()
    page = eventually(lambda: ask(house, "jobs", READS), lambda seen: "12 of 200" in seen[1])[1]
    assert ask(house, "jobs", "wrong")[0] == 401
    assert "<title>Fleet" in ask(house, "..", READS)[1]  # the bare address
    (token,) = set(re.findall(r'name="token" value="([^"]+)"', page))
    form = {"token": token, "by": "Ada", "reason": "new lamps"}
    status, refused = ask(house, "jobs/ask", READS, form)
    assert (status, "this needs console" in refused) == (403, True)
    assert ask(house, "jobs/ask", DECIDES, {**form, "token": "guessed"})[0] == 409  # shown anew, not done
    status, page = ask(house, "jobs/ask", DECIDES, form)
    assert (status, "On the log: Ada (key ada) asked for a retraining" in page) == (200, True)
    status, page = ask(house, "labels", DECIDES, {**form, "frame": frame_id, "label": "flower"})
    assert (status, "Nothing to label" in page) == (200, True)
    assert house.stop(signal.SIGTERM) == 0
    (order,) = house.read(events.COMMANDS)
    (label,) = house.read(events.LABELS)
    assert isinstance(order, RequestRetrain)
    assert (order.by, order.reason) == ("Ada (key ada)", "new lamps")
    assert isinstance(label, FrameLabelled)
    assert (label.truth, label.source, label.labelled_by) == (ClassTruth("flower"), "console", "Ada (key ada)")

"""Events out of files: every form gives the same events; what is broken is counted with its place and stops nothing."""

import gzip
import io
import json
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from contracts.events import AnyEvent, FrameScored, encode
from monitor.backtest import files
from monitor.backtest.files import EventFile
from monitor.backtest.ordering import in_window
from monitor.backtest.recorded import MOST_REASONS, RecordingError
from tests.monitor_line import Line, usual


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[FrameScored]:
    """60 frames of three cameras."""
    return list(Line(tmp_path_factory.mktemp("line")).pass_by(("cam-1", "cam-2", "cam-3"), 20, usual()))


def ndjson(told: Sequence[AnyEvent]) -> bytes:
    return b"".join(encode(event, "test").value + b"\n" for event in told)


def table(told: Sequence[AnyEvent], **options: bool) -> bytes:
    """Parquet, a column a field; without `typed` no column says what the rows are."""
    rows = [msgspec.to_builtins(event) for event in told]
    if not options.get("typed", True):
        rows = [{key: value for key, value in row.items() if key != "type"} for row in rows]
    return parquet(pyarrow.Table.from_pylist(rows))


def parquet(content: pyarrow.Table) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(content, sink, row_group_size=16)
    return sink.getvalue()


def read(path: Path, content: bytes, plain: files.Plain = "FrameScored") -> tuple[list[AnyEvent], EventFile]:
    path.write_bytes(content)
    file = EventFile(str(path), 0, plain)
    return [one.event for one in file.read()], file


def envelopes(told: Sequence[AnyEvent], late_s: float = 0.0) -> bytes:
    """As `kcat -J` prints them."""
    lines = []
    for number, event in enumerate(told):
        record = encode(event, "test")
        ts = int(1000 * (event.occurred_at - late_s))
        told_as = {
            "topic": record.topic,
            "partition": 0,
            "offset": number,
            "tstype": "create",
            "ts": ts,
            "broker": 0,
            "key": record.key,
        }
        lines.append(json.dumps({**told_as, "payload": record.value.decode()}, separators=(",", ":")))
    return "\n".join(lines).encode()


FORMS = {
    "ndjson": ndjson,
    "ndjson.gz": lambda told: gzip.compress(ndjson(told)),
    "two gzips in a row": lambda told: gzip.compress(ndjson(told[:7])) + gzip.compress(ndjson(told[7:])),
    "windows lines and a mark": lambda told: b"\xef\xbb\xbf" + ndjson(told).replace(b"\n", b"\r\n\r\n"),
    "kcat -J": envelopes,
    "no type": lambda told: ndjson(told).replace(b'"type":"FrameScored",', b""),
    "parquet": table,
    "parquet without types": lambda told: table(told, typed=False),
    "parquet.gz": lambda told: gzip.compress(table(told)),
    "parquet of json": lambda told: parquet(pyarrow.table({"json": [encode(one, "t").value.decode() for one in told]})),
    "parquet of bytes": lambda told: parquet(pyarrow.table({"value": [encode(one, "t").value for one in told]})),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_events(form: str, told: list[FrameScored], tmp_path: Path) -> None:
    found, file = read(tmp_path / "anything", FORMS[form](told))
    assert found == told
    assert (file.source.events, file.source.broken, file.source.cut_off) == (len(told), 0, "")
    assert file.position == file.size


def test_parquet_times_may_be_timestamps(told: list[FrameScored], tmp_path: Path) -> None:
    content = pyarrow.Table.from_pylist([msgspec.to_builtins(event) for event in told])
    for name in ("received_at", "captured_at"):
        micros = pyarrow.array([round(1e6 * getattr(event, name)) for event in told], pyarrow.timestamp("us"))
        content = content.set_column(content.schema.get_field_index(name), name, micros)
    found, file = read(tmp_path / "file", parquet(content))
    assert file.source.broken == 0
    assert [event.received_at for event in found] == pytest.approx([event.received_at for event in told])  # type: ignore[union-attr]


def test_labels_and_other_events_are_read_too(told: list[FrameScored], tmp_path: Path) -> None:
    label = Line(tmp_path / "house").label(told[0], right=True)
    content = ndjson([label]).replace(b'"type":"FrameLabelled",', b"")
    assert read(tmp_path / "labels", content, "FrameLabelled")[0] == [label]
    assert read(tmp_path / "labels.parquet", table([label], typed=False), "FrameLabelled")[0] == [label]
    assert read(tmp_path / "both", ndjson([told[0], label]))[0] == [told[0], label]


def test_the_log_bounds_a_wrong_clock(told: list[FrameScored], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(envelopes(told, late_s=100.0))
    times = [one.at for one in EventFile(str(path), 0, "FrameScored").read()]
    assert times == pytest.approx([event.received_at - 95.0 for event in told], abs=0.002)


def test_broken_lines_are_counted_with_their_place(told: list[FrameScored], tmp_path: Path) -> None:
    lines = ndjson(told).splitlines()
    lines[3:3] = [
        b"{",
        b"\xff\xfe",
        b'{"type": "NoSuchThing"}',
        lines[3][:200],
        b'{"topic":"keepsight.frames","payload":null}',
        b"[]",
    ]
    found, file = read(tmp_path / "file", b"\n".join(lines))
    assert found == told
    assert file.source.broken == 6
    assert [reason.partition(": ")[0] for reason in file.source.reasons] == [f"{tmp_path}/file:{n}" for n in range(4, 10)]
    assert "NoSuchThing" in file.source.reasons[2]


def test_broken_rows_are_counted_too(told: list[FrameScored], tmp_path: Path) -> None:
    rows = [msgspec.to_builtins(event) for event in told]
    rows[4]["version"] = None
    rows[9]["stream"] = "river"
    found, file = read(tmp_path / "file", parquet(pyarrow.Table.from_pylist(rows)))
    assert found == [event for number, event in enumerate(told) if number not in (4, 9)]
    assert [reason.split(":")[1] for reason in file.source.reasons] == ["5", "10"]


def test_a_line_too_long_is_one_broken_line(told: list[FrameScored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 4096)
    found, file = read(tmp_path / "file", ndjson(told[:3]) + b"x" * 20_000 + b"\n" + ndjson(told[3:]))
    assert found == told
    assert file.source.reasons == [f"{tmp_path}/file:4: longer than 4096 bytes"]


def test_a_file_cut_off_gives_what_it_has(told: list[FrameScored], tmp_path: Path) -> None:
    whole = gzip.compress(ndjson(told))
    found, file = read(tmp_path / "file", whole[: len(whole) * 3 // 4])
    assert found == told[: len(found)]
    assert 0 < len(found) < len(told)
    assert "ends after line" in file.source.cut_off


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    for content in (b"", gzip.compress(b""), b"\n\n"):
        found, file = read(tmp_path / "file", content)
        assert (found, file.source.broken) == ([], 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hello\nworld\n", "file:1: "),
        (bytes(range(256)) * 9, "holds no event"),
        (b"PAR1 but no more", "is no Parquet"),
        (b"spam\n" * (files.GIVE_UP + 1), "the first 1000 lines are none"),
    ],
)
def test_a_file_without_an_event_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=why):
        read(tmp_path / "file", content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"nowhere.* cannot be read: No such file"):
        EventFile(str(tmp_path / "nowhere"), 0, "FrameScored")
    with pytest.raises(RecordingError, match=r"cannot be read: Is a directory"):
        list(EventFile(str(tmp_path), 0, "FrameScored").read())


def test_parquet_without_pyarrow_says_how_to_get_it(
    told: list[FrameScored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(RecordingError, match=r"pip install 'keepsight\[report\]'"):
        read(tmp_path / "file", b"PAR1" + ndjson(told))


def test_reasons_are_bounded(told: list[FrameScored], tmp_path: Path) -> None:
    _, file = read(tmp_path / "file", ndjson(told[:1]) + b"spam\n" * 500)
    assert (file.source.broken, len(file.source.reasons)) == (500, MOST_REASONS)


def test_reading_takes_no_more_memory_for_a_longer_file(told: list[FrameScored], tmp_path: Path) -> None:
    def peak(times: int) -> int:
        path = tmp_path / f"{times}"
        path.write_bytes(b"".join(ndjson([event]) * times for event in told))
        tracemalloc.start()
        count = sum(1 for _ in in_window(EventFile(str(path), 0, "FrameScored"), 200))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == times * len(told)
        return size

    assert peak(60) < 1.2 * peak(12)

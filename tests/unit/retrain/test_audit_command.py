"""`keepsight audit` on the ledger of a rollout that took place, on the log that its events went to, and on what someone made of either."""

import json
import shutil
import sqlite3
from copy import copy
from pathlib import Path

import msgspec
import pytest

from contracts.events import RETRAIN, TOPICS
from contracts.log import open_bus
from retrain import audit_command
from retrain.audit_command import moment
from retrain.registry.audit import Served, served
from retrain.state.ledger import chained
from tests.release_bench import CAMERAS, Bench


class House:
    """A finished rollout of version 2: ledger, log, repository and settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state" / "retrain" / "state.sqlite3"
        bench = Bench(folder, state=self.state)
        self.answered: list[tuple[str, float, str, str]] = []
        now = 1.0
        while bench.turn(now) != "stable":
            frames = bench.frames(now + 1)
            self.answered += [(one.camera, now + 1, one.version, one.variant) for one in frames if one.variant != "shadow"]
            now += 10
            bench.turn(now - 5, *frames, bench.report(now - 5))
        self.told = bench.events()
        self.history = bench.repository.history("small")
        self.digests = {version: bench.digest(version) for version in ("1", "2")}
        self.rows = len(bench.journal.ledger.rows())
        self.publish(bench)
        bench.database.close()
        self.settle(folder)

    def settle(self, folder: Path) -> None:
        """The house stands in `folder`."""
        self.folder = folder
        self.state = folder / "state" / "retrain" / "state.sqlite3"
        self.settings = folder / "keepsight.toml"
        self.settings.write_text(
            f'model = "small"\nrepository = "{folder}/repository"\nlog = "embedded://{folder}/log"\nstate = "{folder}/state"\n'
        )

    def publish(self, bench: Bench) -> None:
        bus = open_bus(f"embedded://{self.folder}/log", "test")
        bus.ensure_topics(TOPICS)
        bus.publish(bench.database.outbox()[1])
        bus.close()

    def run(self, *arguments: str) -> int:
        return audit_command.main([*arguments, "--settings", str(self.settings)])

    def sql(self, statement: str) -> None:
        connection = sqlite3.connect(self.state)
        with connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("built"))


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """A copy that a test may spoil."""
    one = copy(built)
    one.settle(shutil.copytree(built.folder, tmp_path / "house"))
    return one


Out = pytest.CaptureFixture[str]


def test_an_untouched_house_holds(house: House, capsys: Out) -> None:
    before = house.state.read_bytes()
    assert house.run("verify") == 0
    said = capsys.readouterr().out
    assert f"the ledger of small: {house.rows} rows from 1970-01-01 00:00:00 UTC" in said
    assert "channels  6 states\n" in said
    assert said.endswith("it holds\n")
    assert house.run("verify", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["findings"], told["anchors"]) == (house.rows, [], house.rows - 6)
    assert house.state.read_bytes() == before


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE ledger SET body = replace(body, 'canary', 'shadow') WHERE sequence = 4", "FOUND altered: row 4"),
        ("DELETE FROM ledger WHERE sequence = 3", "FOUND missing: row 3 is missing"),
        ("DELETE FROM ledger WHERE sequence > 5", "FOUND cut: the ledger ends with row 5"),
        ("DELETE FROM ledger", "FOUND cut: the ledger ends with row 0"),
    ],
)
def test_what_was_touched_is_found(house: House, capsys: Out, tampering: str, said: str) -> None:
    house.sql(tampering)
    assert house.run("verify") == 1
    assert said in capsys.readouterr().out
    assert house.run("verify", "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"]


def test_a_ledger_written_anew_with_a_chain_that_holds_is_found_by_the_log(house: House, capsys: Out) -> None:
    connection = sqlite3.connect(house.state)
    rows = connection.execute("SELECT sequence, at, kind, body, hash FROM ledger ORDER BY sequence").fetchall()
    previous = rows[2][4]
    for sequence, at, kind, body, _ in rows[3:]:
        forged = body.replace("frames in", "good frames in")
        previous = chained(previous, sequence, at, kind, forged)
        with connection:
            connection.execute("UPDATE ledger SET body = ?, hash = ? WHERE sequence = ?", (forged, previous, sequence))
    connection.close()
    assert house.run("verify") == 1
    assert "FOUND rewritten: row 4 is not what the log says that it was" in capsys.readouterr().out


def test_another_past_of_the_channels_and_another_model_are_found(house: House, capsys: Out) -> None:
    where = house.folder / "repository" / "models" / "small"
    entry = where / "channels" / "00000003.json"
    entry.write_text(entry.read_text().replace('"share": 0.5', '"share": 0.25'))
    manifest = where / "2" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(house.digests["2"], "0" * 64))
    assert house.run("verify") == 1
    said = capsys.readouterr().out
    assert "FOUND channels: channel state 3 reads otherwise in the repository" in said
    assert "FOUND model: version 2 has the digest 000000000000… in the repository" in said


def test_who_answered_a_camera_when(house: House, capsys: Out) -> None:
    canary = house.history[2]
    camera = next(camera for camera in CAMERAS if canary.answering(camera)[1] == "candidate")
    assert house.run("served", "--camera", camera, "--at", str(canary.changed_at)) == 0
    said = capsys.readouterr().out
    assert f"version 2 as candidate, model {house.digests['2']}" in said
    assert "channels 3, by retrain: canary: " in said
    assert house.run("served", "--camera", camera, "--json") == 0
    ever = json.loads(capsys.readouterr().out)
    assert [(one["version"], one["variant"]) for one in ever] == [("1", "champion"), ("2", "candidate"), ("2", "champion")]
    assert ever[-1]["until"] is None
    assert [one["digest"] for one in ever] == [house.digests[one["version"]] for one in ever]


def test_of_a_camera_that_nobody_saw_it_says_so_and_names_the_like(house: House, capsys: Out) -> None:
    typed = CAMERAS[0].replace("line", "lien")
    assert house.run("served", "--camera", typed) == 1
    said = capsys.readouterr().out
    assert f"no frame of camera '{typed}' was seen" in said
    assert f"known are {CAMERAS[0]}, " in said
    assert "would have been answered so:\n1970-01-01" in said
    assert house.run("served", "--camera", typed, "--json") == 1
    assert not any(one["seen"] for one in json.loads(capsys.readouterr().out))
    house.sql("DELETE FROM cameras")
    assert house.run("served", "--camera", typed) == 1
    assert "nor of any other camera." in capsys.readouterr().out


def test_every_frame_of_a_rollout_is_traced_to_the_model_that_answered_it(house: House, capsys: Out) -> None:
    assert {variant for *_, variant in house.answered} == {"champion", "candidate"}
    for camera in CAMERAS:
        assert house.run("served", "--camera", camera, "--json") == 0
        spans = msgspec.json.decode(capsys.readouterr().out, type=list[Served])
        frames = [one for one in house.answered if one[0] == camera]
        assert len(frames) >= 100
        for _, at, version, variant in frames:
            one = served(spans, at)
            assert one is not None
            assert (one.version, one.variant, one.digest) == (version, variant, house.digests[version])


def test_before_the_first_channels_nobody_answered(house: House, capsys: Out) -> None:
    assert house.run("served", "--camera", "x", "--at", "1969-12-31") == 1
    assert "no version of small answered anybody at 1969-12-31 00:00:00 UTC" in capsys.readouterr().out


def test_rows_name_the_digests_and_the_gates(house: House) -> None:
    connection = sqlite3.connect(house.state)
    bodies = [
        json.loads(body) for (body,) in connection.execute("SELECT body FROM ledger WHERE kind = 'channels' ORDER BY sequence")
    ]
    steps = [json.loads(body) for (body,) in connection.execute("SELECT body FROM ledger WHERE kind = 'rollout_advanced'")]
    connection.close()
    gates = {step["gates"] for step in steps}
    assert len(gates) == 1
    assert len(gates.pop()) == 64
    two = {"digest": house.digests["2"], "gates": steps[0]["gates"]}
    assert bodies[1]["versions"] == {"1": {"digest": house.digests["1"]}, "2": two}
    assert all(step["digest"] == house.digests["2"] and step["parent_digest"] == house.digests["1"] for step in steps)


@pytest.mark.parametrize(("text", "at"), [("12.5", 12.5), ("1970-01-02", 86400.0), ("1970-01-01T01:00:00+01:00", 0.0)])
def test_times_as_a_person_gives_them(text: str, at: float) -> None:
    assert moment(text) == at


def test_bad_asks_are_answered(house: House, capsys: Out) -> None:
    assert house.run("served", "--camera", "x", "--at", "noon") == 2
    assert "--at is 'noon'; give a time as 2026-01-31" in capsys.readouterr().err
    house.state.rename(house.folder / "elsewhere")
    assert house.run("verify") == 2
    assert "there is no ledger in" in capsys.readouterr().err
    assert not house.state.exists()
    house.state.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    assert house.run("verify") == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_log_where_nothing_ran_is_said(house: House, capsys: Out) -> None:
    text = house.settings.read_text().replace("/log", "/other-log")
    house.settings.write_text(text)
    assert house.run("verify") == 2
    assert RETRAIN in capsys.readouterr().err

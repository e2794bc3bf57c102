"""A benchmark's result keeps what other parts measured, and says of each part when and on what it ran."""

from pathlib import Path

import msgspec

from benchmarks.form import Figure, Result, Run, write


def a_result(part: str, value: float, caveat: str, quick: bool = False) -> Result:
    run = Run("2026-11-23", "abc1234", (0.5, 1.5), 60.0, (caveat,))
    return Result(
        "thing",
        "2026-11-23",
        "make bench-thing",
        "2 x a processor",
        {},
        quick,
        [],
        {part: run},
        [Figure(part, "speed", "m/s", value)],
    )


def written(folder: Path) -> Result:
    return msgspec.json.decode((folder / "thing.json").read_bytes(), type=Result)


def test_a_part_that_ran_again_replaces_itself_and_its_caveats_alone(tmp_path: Path) -> None:
    write(a_result("one", 1.0, "one: old"), tmp_path)
    write(a_result("two", 2.0, "two: stays"), tmp_path)
    write(a_result("one", 3.0, "one: new"), tmp_path)

    result = written(tmp_path)
    assert [(f.part, f.value) for f in result.figures] == [("one", 3.0), ("two", 2.0)]
    assert result.caveats == ["one: new", "two: stays"]
    assert list(result.runs) == ["one", "two"]


def test_a_whole_run_is_not_mixed_with_a_quick_one(tmp_path: Path) -> None:
    write(a_result("one", 1.0, "one: quick", quick=True), tmp_path)
    write(a_result("two", 2.0, "two: whole"), tmp_path)

    assert [f.part for f in written(tmp_path).figures] == ["two"]


def test_the_table_says_when_and_on_what_a_part_ran(tmp_path: Path) -> None:
    write(a_result("one", 1.0, "one: mind the gap"), tmp_path)

    table = (tmp_path / "thing.md").read_text()
    assert "2026-11-23 on abc1234, load 0.5 to 1.5, 1.0 min." in table
    assert "- one: mind the gap" in table

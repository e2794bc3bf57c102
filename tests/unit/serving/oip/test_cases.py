"""The differences from the real Triton server are written down: in the table of requests, and for users in the guide."""

from pathlib import Path

from tests.oip_cases import CASES, CRASH, REASONS

GUIDE = Path(__file__).parents[4] / "docs" / "open-inference-protocol.md"


def test_every_difference_has_its_reason_and_every_reason_its_row() -> None:
    assert {case.why for case in CASES if case.why} == set(REASONS)
    assert [case.name for case in CASES if case.triton != case.ours and not case.why] == []
    rows = [line for line in GUIDE.read_text().splitlines() if line.startswith("| ")]
    for key, reason in REASONS.items():
        (row,) = [row for row in rows if row.endswith(f"| {reason} |")]
        _, theirs, ours, _ = row.strip("| ").split(" | ", 3)
        of = [case for case in CASES if case.why == key]
        assert theirs == ", ".join("crash" if status == CRASH else str(status) for status in sorted({case.triton for case in of}))
        assert ours == ", ".join(str(status) for status in sorted({case.ours for case in of}))


def test_names_are_told_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)

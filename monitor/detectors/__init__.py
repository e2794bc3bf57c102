"""The statistics: pure functions and small states that take numbers and give numbers. Their laws stand in tests/laws/."""

"""Which of many are meant? The e-Benjamini-Hochberg procedure: names those whose e-values are large enough for their number.

Of those named, the share that is named wrongly is on average at most `rate`, however the e-values depend on each other. Wang and Ramdas, False
discovery rate control with e-values, JRSS B 2022.
"""

from collections.abc import Mapping


def named(e_values: Mapping[str, float], rate: float) -> list[str]:
    """The names whose hypotheses are rejected, largest e-value first (ties by name). Raises ValueError for a rate outside (0, 1] or a negative e-value."""
    if not 0.0 < rate <= 1.0:
        raise ValueError(f"the false discovery rate is {rate!r}, allowed is above 0 up to 1")
    if any(not e >= 0.0 for e in e_values.values()):
        raise ValueError(f"e-values are at least 0, got {min(e_values.values())!r}")
    ordered = sorted(e_values, key=lambda name: (-e_values[name], name))
    count = max((k for k, name in enumerate(ordered, 1) if e_values[name] >= len(ordered) / (k * rate)), default=0)
    return ordered[:count]

"""`make bench-monitor`: runs the parts and writes benchmarks/results/monitor.json and monitor.md. QUICK=1 runs a smaller version of the same."""

import argparse
import importlib
import sys
import time
from typing import Final

from benchmarks import form

PARTS: Final = ("streams", "camera_months", "labels", "injected", "cost")
"""Modules of this folder. Each has `figures(quick: bool) -> list[Figure]` and `CAVEATS: tuple[str, ...]`."""
PACKAGES: Final = ("numpy", "scipy", "river", "evidently", "alibi-detect", "onnxruntime", "scikit-learn")


def main() -> int:
    """Run the parts asked for, one after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitor", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller version of the same, in under ten minutes")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parsed = parser.parse_args()
    unknown = [part for part in parsed.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    name = "monitor-quick" if parsed.quick else "monitor"
    for part in parsed.parts or PARTS:
        began = time.monotonic()
        module = importlib.import_module(f"benchmarks.monitor.{part}")
        figures = module.figures(parsed.quick)
        result = form.Result(
            name=name,
            date=form.today(),
            command=f"make bench-monitor{' QUICK=1' if parsed.quick else ''}",
            machine=form.machine(),
            versions=form.versions(PACKAGES),
            quick=parsed.quick,
            caveats=list(module.CAVEATS),
            figures=figures,
        )
        form.write(result)  # after each part: an interrupted run keeps what it measured
        print(
            f"{part}: {len(figures)} figures, {sum(f.ok is False for f in figures)} missed, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    print(f"written: {form.RESULTS}/{name}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

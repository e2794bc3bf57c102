"""`make bench-gates`: runs the parts and writes benchmarks/results/gates.json and gates.md, from which docs/gates.md is made. QUICK=1 draws fewer."""

import sys

from benchmarks.runner import run

PARTS = ("rates", "boxes")
PACKAGES = ("numpy", "scipy")

if __name__ == "__main__":
    sys.exit(run("gates", __doc__, PARTS, PACKAGES))

"""`make bench-monitor`: runs the parts and writes benchmarks/results/monitor.json and monitor.md. QUICK=1 runs a smaller version of the same."""

import sys

from benchmarks.runner import run

PARTS = ("streams", "camera_months", "labels", "injected", "cost")
PACKAGES = ("numpy", "scipy", "river", "evidently", "alibi-detect", "onnxruntime", "scikit-learn")

if __name__ == "__main__":
    sys.exit(run("monitor", __doc__, PARTS, PACKAGES))

"""`make bench-retrain`: runs the parts and writes benchmarks/results/retrain.json and retrain.md. QUICK=1 runs a smaller version of the same."""

import sys

from benchmarks.runner import run

PARTS = ("scenarios", "head_only", "speed", "loader", "selection", "norm")
PACKAGES = ("numpy", "torch", "onnxruntime", "scikit-learn")

if __name__ == "__main__":
    sys.exit(run("retrain", __doc__, PARTS, PACKAGES))

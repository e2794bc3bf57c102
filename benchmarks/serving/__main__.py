"""`make bench-serving`: runs the parts and writes benchmarks/results/serving.json and serving.md. QUICK=1 runs a smaller version of the same.

The peers' environments and the versions are kept in `.cache/bench-serving` of this checkout.
"""

import sys

from benchmarks.runner import run

PARTS = ("throughput", "overhead", "monitoring", "swap", "overload", "hostile", "log_down", "sigterm")
PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless", "simplejpeg", "uvicorn", "uvloop", "httptools")

if __name__ == "__main__":
    sys.exit(run("serving", __doc__, PARTS, PACKAGES))

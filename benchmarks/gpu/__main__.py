"""`make bench-gpu`: frames per second of our runtime beside bare ONNX Runtime on the same GPU, the latency of every batch size, and GPU memory.

Writes benchmarks/results/gpu.json and gpu.md. QUICK=1 runs a smaller version of the same. KEEPSIGHT_BENCH_REPOSITORY names the folder of the version that
is measured (see subject.py); it is made there where it is missing.
"""

import sys

from benchmarks.gpu import devices
from benchmarks.runner import run

PARTS = ("throughput", "latency", "memory")
PACKAGES = ("numpy", "onnxruntime-gpu", "onnxruntime", "onnx", "nvidia-cudnn-cu13", "nvidia-cuda-runtime", "tensorrt")

if __name__ == "__main__":
    if (missing := devices.missing()) is not None:
        print(f"bench-gpu: {missing}", file=sys.stderr)
        sys.exit(2)
    sys.exit(run("gpu", __doc__, PARTS, PACKAGES))

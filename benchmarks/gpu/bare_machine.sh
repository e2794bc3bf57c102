#!/bin/sh
# Runs bench-gpu on a machine that has a GPU, its driver and Python, and nothing else: no network, no environment.
#
# Where there is a network, once, for that machine's Python (here 3.11):
#   pip download -d WHEELS --only-binary=:all: --python-version 3.11 -c constraints.txt 'onnxruntime-gpu[cuda,cudnn]' onnx msgspec fsspec \
#       opencv-python-headless simplejpeg
#   python -m benchmarks.gpu.subject REPOSITORY
# Then, in the root of a checkout there:
#   sh benchmarks/gpu/bare_machine.sh WHEELS REPOSITORY [--quick] [PART...]
set -eu
wheels=$1 KEEPSIGHT_BENCH_REPOSITORY=$2
shift 2
export KEEPSIGHT_BENCH_REPOSITORY
site=$(mktemp -d)
python3 -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
export PYTHONPATH="$site:$PWD"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
python3 -m benchmarks.gpu "$@"

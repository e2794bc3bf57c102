"""Freed memory goes back to the system, where the C library keeps it."""

import ctypes
import subprocess
import sys

import pytest

from serving.models.memory import give_back

KEEPS_IT = """
import ctypes
from serving.models.memory import give_back

def resident_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 / 1024

blocks = [bytes(60_000) for _ in range(2000)]
last = bytes(60_000)  # above the others: the heap cannot shrink from its end
del blocks
kept = resident_mib()
give_back()
print(kept - resident_mib())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc")
def test_what_a_heap_keeps_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", KEEPS_IT], capture_output=True, text=True, check=True, timeout=60)
    assert float(done.stdout) > 60  # of some 114 MiB


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    give_back()

"""CPU and memory of a tree of processes, as /proc tells them."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.accounting import Tree, descendants, parse

STAT = "4711 (a (mad) name) S 12 4711 4711 0 -1 4194304 9 8 7 6 {user} {system} {children_user} {children_system} 20 0 3 0 5 6 7"


def test_a_stat_line_is_read_past_a_name_with_brackets_and_spaces() -> None:
    tick = os.sysconf("SC_CLK_TCK")
    line = STAT.format(user=tick, system=2 * tick, children_user=4 * tick, children_system=8 * tick)
    assert parse(line) == (12, 15.0)


def test_descendants_are_found_whatever_their_order() -> None:
    parents = {1: 0, 30: 20, 20: 10, 21: 10, 31: 20, 40: 1, 10: 1}
    assert sorted(descendants(10, parents)) == [10, 20, 21, 30, 31]
    assert descendants(40, parents) == [40]


BUSY = """
import subprocess, sys, time
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, sys.argv[0], "child"], stdin=sys.stdin, stdout=sys.stdout)
began = time.process_time()
while time.process_time() - began < 0.2:
    pass
print("done", flush=True)
sys.stdin.readline()
if len(sys.argv) == 1:
    child.wait()
"""


def test_a_real_tree_counts_its_children(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    command = [sys.executable, str(tmp_path / "busy.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["done\n"] * 2
        tree = Tree(process.pid)
        assert tree.processes() == 2
        assert tree.cpu_s() >= 0.36  # twice 0.2 s, of which up to a tick each is not told yet
        assert tree.rss_mib() >= tree.pss_mib() > 5
        process.communicate("end\nend\n")
    assert tree.processes() == 0
    assert tree.cpu_s() == 0

"""What a server's processes took: CPU time and memory of a process and all its descendants, read from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """What is read of one process: `cpu_s` its own CPU time and that of children it has waited for."""

    parent: int
    cpu_s: float


def parse(stat: str) -> Stat:
    """The fields of /proc/PID/stat (proc_pid_stat(5)); the command's name may hold spaces and brackets."""
    fields = stat[stat.rindex(")") + 2 :].split()
    return Stat(int(fields[1]), sum(int(ticks) for ticks in fields[11:15]) / _TICKS)


def descendants(root: int, parents: Mapping[int, int]) -> list[int]:
    """`root` and every process below it; `parents` names the parent of each process."""
    found = [root]
    for one in found:
        found += sorted(child for child, parent in parents.items() if parent == one)
    return found


class Tree:
    """A process and its descendants, looked up anew at every reading."""

    def __init__(self, root: int) -> None:
        self._root = root

    def cpu_s(self) -> float:
        """CPU seconds that the tree has used, processes that ended and were waited for included. Resolution 10 ms a process."""
        stats = _stats()
        return sum(stats[pid].cpu_s for pid in self._pids(stats))

    def rss_mib(self) -> float:
        """Resident memory, added up: pages that processes share count in each."""
        return sum(_field(pid, "status", "VmRSS") for pid in self._pids(_stats())) / 1024

    def pss_mib(self) -> float:
        """Resident memory with shared pages divided among those who share them."""
        return sum(_field(pid, "smaps_rollup", "Pss") for pid in self._pids(_stats())) / 1024

    def processes(self) -> int:
        """How many there are."""
        return len(self._pids(_stats()))

    def _pids(self, stats: Mapping[int, Stat]) -> list[int]:
        return [pid for pid in descendants(self._root, {pid: stat.parent for pid, stat in stats.items()}) if pid in stats]


def _stats() -> dict[int, Stat]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                found[int(folder.name)] = parse((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def _field(pid: int, file: str, name: str) -> int:
    """KiB; 0 where the process ended meanwhile."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)

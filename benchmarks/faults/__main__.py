"""`make faults`: the full stack under load while faults are injected and healed; then every counter is reconciled, and a report says so."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import form
from benchmarks.faults import report
from benchmarks.faults.away import Away, Killed, Locked, launched
from benchmarks.faults.course import Course
from benchmarks.faults.disks import own_mounts
from benchmarks.faults.faults import FAULTS, Fault, World
from benchmarks.faults.fleet import Fleet
from benchmarks.faults.house import House
from benchmarks.faults.reconcile import equations
from benchmarks.faults.schedule import order, turns
from benchmarks.faults.service import NotAsItShouldError
from contracts.errors import KeepsightError
from tests.kafka_cluster import LAUNCHER

KAFKA: Final = "kafka"
NAMES: Final = tuple(fault.name for fault in FAULTS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run it. 0 when every equation holds, 1 when one does not, 2 when it could not be run."""
    options = _parser().parse_args(argv)
    unknown = [name for name in options.only if name not in NAMES]
    if unknown:
        _parser().error(f"unknown fault {unknown[0]!r}; there are: {', '.join(NAMES)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that nothing is left running or mounted
    try:
        with ExitStack() as stack:
            return _run(options, stack)
    except (KeepsightError, NotAsItShouldError) as error:
        print(f"faults: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, stack: ExitStack) -> int:
    mounted, log = own_mounts(), options.log or "embedded"
    chosen: list[Fault] = []
    left_out: list[str] = []
    for fault in order(
        [fault for fault in FAULTS if fault.log in ("", log) and fault.name in (options.only or NAMES)], options.seed
    ):
        if fault.mounts and not mounted:
            left_out.append(f"{fault.name}: this user may not mount")
        else:
            chosen.append(fault)
    for reason in left_out:
        print(f"left out: {reason}")
    load, began = form.load(), time.monotonic()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keepsight-faults-", ignore_cleanup_errors=True)))
    cluster = None
    if options.log == KAFKA:
        cluster = launched()
        stack.callback(cluster.stop)
    house = House(folder, options.cameras, mounted, options.seed, f"kafka://{cluster.servers[0]}" if cluster else "")
    stack.callback(house.close)
    away: Away = Killed(cluster) if cluster else Locked(house.disks["log"].folder)
    world = World(house, Fleet(house.servers, house.cameras, house.photographs, options.rate, options.seed), away)
    course = Course(world, lambda line: print(line, flush=True))
    seconds = 60 * options.minutes
    found = course.run(chosen, turns([fault.hold_s for fault in chosen], seconds, [fault.least_s for fault in chosen]), seconds)
    sides = equations(found)
    run = form.Run(
        form.today(),
        form.commit(),
        (load, form.load()),
        round(time.monotonic() - began, 1),
        report.caveats(left_out, bool(cluster)),
    )
    result = report.result(course, found, sides, chosen, away.about, run, _command(options), options.minutes < 10)
    form.write(result, options.out, report.page)
    print(f"written: {options.out / result.name}.md")
    for one in (side for side in sides if not side.holds):
        print(f"does not hold: {one.name}: {one.left} and {one.right}. {one.about}")
    print(f"{sum(side.holds for side in sides)} of {len(sides)} equations hold")
    return int(not all(side.holds for side in sides))


def _command(options: argparse.Namespace) -> str:
    said = f"python -m benchmarks.faults --minutes {options.minutes:g} --seed {options.seed}"
    return said + (f" --log {options.log}" if options.log else "") + "".join(f" --only '{name}'" for name in options.only)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description=__doc__, epilog=f"Faults: {'; '.join(NAMES)}. See docs/faults.md."
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="how long the load lasts (10); faults last shorter in a shorter run"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides the order of the faults, the frames and the garbage (1)")
    parser.add_argument("--cameras", type=int, default=24, help="how many there are (24)")
    parser.add_argument("--rate", type=float, default=60.0, help="frames a second of all cameras together (60)")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="this fault alone; may be given several times")
    parser.add_argument(
        "--log", choices=("", KAFKA), default="", help=f"kafka: a genuine broker, by the launcher that {LAUNCHER} names"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="the folder of the report (out)")
    return parser


if __name__ == "__main__":
    sys.exit(main())

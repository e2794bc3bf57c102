"""What `make bench-NAME` does: runs a benchmark's parts and writes its result after each, so that an interrupted run keeps what it measured."""

import argparse
import importlib
import time
from collections.abc import Sequence

from benchmarks import form


def run(name: str, about: str | None, parts: Sequence[str], packages: Sequence[str]) -> int:
    """The command of the benchmark in `benchmarks.NAME`; returns its exit status.

    `parts` are modules of that package, each with `figures(quick: bool) -> list[Figure]` and `CAVEATS: tuple[str, ...]`; the versions of `packages` are
    written down.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--quick", action="store_true", help="a smaller version of the same, in under ten minutes")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)} (default: all)")
    asked = parser.parse_args()
    unknown = [part for part in asked.parts if part not in parts]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(parts)}")
    file = f"{name}-quick" if asked.quick else name
    for part in asked.parts or parts:
        module = importlib.import_module(f"benchmarks.{name}.{part}")
        load, began = form.load(), time.monotonic()
        figures = module.figures(asked.quick)
        took_s = round(time.monotonic() - began, 1)
        ran = form.Run(form.today(), form.commit(), (load, form.load()), took_s, tuple(module.CAVEATS))
        result = form.Result(
            name=file,
            date=form.today(),
            command=f"make bench-{name}{' QUICK=1' if asked.quick else ''}",
            machine=form.machine(),
            versions=form.versions(packages),
            quick=asked.quick,
            caveats=[],
            runs={figures[0].part: ran},
            figures=figures,
        )
        form.write(result)
        print(f"{part}: {len(figures)} figures, {sum(f.ok is False for f in figures)} missed, {took_s:.0f} s", flush=True)
    print(f"written: {form.RESULTS}/{file}.md")
    return 0

"""`keepsight demo`: sets the stage (photographs, first version, services, line), has the story told, takes everything down in order and writes the report.

Whatever happens, the services are stopped in order, their logs stay, and the report says how far the loop came.
"""

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.errors import KeepsightError
from contracts.events import TOPICS
from contracts.log import open_bus, wait_for_log
from contracts.ports import Bus
from standalone import demo_settings, first_version, recorder, report
from standalone.demo_settings import MODEL, Folders
from standalone.facts import Facts
from standalone.house import STOPPING_ORDER, free_ports, services
from standalone.labeller import Labeller
from standalone.line import Line
from standalone.photographs import NOTICE, POSITIVE, load
from standalone.promises import judge
from standalone.published import Published, drained
from standalone.recorder import Run
from standalone.scenario import Scenario, deal
from standalone.story import RATE_HZ, Stage, Story
from standalone.supervisor import Supervisor
from standalone.view import View, open_view
from standalone.witness import Witness

LABEL_DELAY_S: Final = 20.0
"""From a frame to its label: the inspector is late, as labels are."""
LOG_S: Final = 60.0
"""How long to wait for a log that is away."""
READY_S: Final = 60.0
DRAINED_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `log` empty: the embedded log in the run's folder."""

    seed: int = 1
    log: str = ""
    fresh: bool = False
    out: Path = Path("out/demo")
    plain: bool = False


def run(options: Options) -> int:
    """The demo from its first line to its exit status: 0 when every promise was kept, 1 when not."""
    view = open_view(options.plain)
    folders = Folders(options.out.absolute())
    started = time.time()
    try:
        view.say(NOTICE)
        facts, page = _play(options, folders, view, started)
    except KeyboardInterrupt:
        view.close()
        view.say(f"stopped. The services' logs are in {folders.logs}")
        return 130
    except KeepsightError as error:
        view.close()
        view.say(f"the demo failed: {error}\nThe services' logs are in {folders.logs}")
        return 1
    view.close()
    for line in recorder.summary(facts, page, folders.logs, time.time() - started):
        view.say(line)
    return 0 if facts.ok else 1


def _play(options: Options, folders: Folders, view: View, started: float) -> tuple[Facts, Path]:
    """Prepare, tell, take down, account."""
    shutil.rmtree(folders.run, ignore_errors=True)
    shutil.rmtree(folders.logs, ignore_errors=True)
    view.phase("0 · getting ready", "reading 2,624 photographs of solar cells")
    cells, photographs = load()
    scenario = deal(cells, options.seed)
    begun = time.monotonic()
    _first_version(options, folders, scenario, photographs, view)
    bootstrap_s = time.monotonic() - begun
    log = _log_url(options, folders, started)
    ports = dict(zip(STOPPING_ORDER, free_ports(len(STOPPING_ORDER)), strict=True))
    demo_settings.write(folders, log, ports, options.seed)
    bus = open_bus(log, "keepsight-demo")
    try:
        wait_for_log(bus, TOPICS, LOG_S)
        stage = _stage(options, folders, scenario, photographs, bus, view, started)
        story = Story(stage)
        troubles, published = _perform(stage, story)
    finally:
        bus.close()
    run = Run(
        options.seed, datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M UTC"), options.log or "embedded", bootstrap_s
    )
    facts = recorder.record(run, stage, story, folders, published, troubles)
    facts = msgspec.structs.replace(facts, promises=judge(facts))
    return facts, report.write(folders.out, facts, recorder.pictures(stage.line.answers))


def _first_version(options: Options, folders: Folders, scenario: Scenario, photographs: NDArray[np.uint8], view: View) -> None:
    """Version 1 in the run's repository, trained now or found from an earlier run."""
    root = Path(__file__).resolve().parent.parent
    kept = folders.kept / f"first-{options.seed}-{first_version.digest_of_code(root)}"
    if options.fresh:
        shutil.rmtree(folders.kept, ignore_errors=True)
    if not kept.exists():
        view.phase("0 · the first version", "EfficientNet-lite0 pretrained on ImageNet, a head for solar cells, trained now")
        made = folders.run / "first"
        index = first_version.write_frames(folders.run / "photographs", scenario.bootstrap, photographs)
        arguments = first_version.command(
            made / "repository", made / "frames", MODEL, index, options.seed, folders.kept / "features"
        )
        first_version.train(arguments, folders.logs / "bootstrap.log", view.progress)
        first_version.keep(made, kept)
    shutil.copytree(kept / "repository", folders.repository)
    if (kept / "frames").exists():
        shutil.copytree(kept / "frames", folders.frames)


def _log_url(options: Options, folders: Folders, started: float) -> str:
    """The log of this run alone: on a cluster under a prefix of its own."""
    if not options.log:
        return f"embedded://{folders.run / 'log'}"
    return f"{options.log.rstrip('/')}/demo-{int(started)}" if options.log.startswith("kafka://") else options.log


def _stage(
    options: Options, folders: Folders, scenario: Scenario, photographs: NDArray[np.uint8], bus: Bus, view: View, started: float
) -> Stage:
    found = services(folders.settings, folders.logs)
    address = found[0].address
    labeller = Labeller(address, LABEL_DELAY_S)
    return Stage(
        supervisor=Supervisor(found),
        witness=Witness(bus, POSITIVE),
        line=Line(address, scenario, photographs, options.seed, RATE_HZ, labeller.offer),
        labeller=labeller,
        view=view,
        started=started,
    )


def _perform(stage: Stage, story: Story) -> tuple[list[str], Published]:
    """The story, then the end in order: cameras, labels, services, and what is left on the log. Returns what went wrong, and serving's own count."""
    troubles: list[str] = []
    published = Published(0, 0, 0)
    try:
        stage.supervisor.start()
        stage.view.phase("0 · the services start", "serving, monitor and retrain, a process each")
        stage.supervisor.wait_ready(READY_S)
        monitor = next(one for one in stage.supervisor.services if one.name == "monitor")
        stage.view.say(f"in a browser, while it runs: http://{monitor.address}{monitor.page}")
        stage.witness.start()
        story.tell()
    except KeepsightError as error:
        troubles.append(str(error))
    finally:
        stage.view.phase("8 · the end", "stopping in order, counting what was lost")
        stage.line.stop()
        stage.labeller.stop()
        published = drained(stage.supervisor.services[0].address, DRAINED_S)
        troubles += stage.supervisor.stop()
        if stage.witness.ident is not None:
            stage.witness.finish()
            story.catch_up()
    return troubles, published

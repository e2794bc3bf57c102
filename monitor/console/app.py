"""The console's routes: which page answers which path, and what a post becomes. Reads the view and the repository; writes events to the log, nothing else."""

import time
from collections.abc import Callable
from html import escape
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from contracts.errors import KeepsightError, LogError
from contracts.events import AnyEvent, encode
from contracts.health import Answer, Request
from contracts.ids import NAME, is_id
from contracts.logs import Logger
from contracts.ports import Bus
from contracts.repository import ModelRepository
from monitor.console import anew, jobs, labels, shell, versions
from monitor.console.answering import Answering
from monitor.console.catalogue import Catalogue
from monitor.console.forms import FormError, OldPageError, Token, cookie_of, name_in
from monitor.console.lookout import ROOMS, Lookout
from monitor.console.orders import Desk, told
from monitor.console.places import Places
from monitor.console.queue import Queue
from monitor.console.shell import PREFIX, SHUT, STATIC, Frame
from monitor.console.sight import BLIND, Sight
from monitor.console.view import View
from monitor.settings import MonitorSettings

_SOURCE: Final = "keepsight/console"
_MOST_PAGES: Final = 1_000_000
_LOG: Final = Logger("monitor")


def console_of(
    settings: MonitorSettings,
    bus: Bus,
    view: View,
    key_id: Callable[[Request], str] | None,
    count: Callable[[str], None],
    sight: Sight,
) -> "Console":
    """The console of a monitor with these settings; `key_id` is None where there are no keys."""
    catalogue = Catalogue(ModelRepository(settings.repository), settings.model, settings.new_classes, time.monotonic)
    places = Places(settings.repository, settings.frame_store, settings.jobs_folder)
    return Console(settings.model, bus, view, catalogue, places, time.time, key_id or (lambda _: ""), count, sight)


class Console:
    """Answers everything below /console. `clock` gives Unix seconds, `key_id` whose key a request came with, `count` counts a refusal by its type."""

    def __init__(
        self,
        model: str,
        bus: Bus,
        view: View,
        catalogue: Catalogue,
        places: Places,
        clock: Callable[[], float],
        key_id: Callable[[Request], str],
        count: Callable[[str], None],
        sight: Sight = BLIND,
    ) -> None:
        self._model, self._bus, self._view, self._catalogue, self._places = model, bus, view, catalogue, places
        self._clock, self._key_id, self._count = clock, key_id, count
        self._token, self._desk, self._answering = Token(), Desk(model, clock), Answering(clock)
        self._queue = Queue(view, places, model)
        self._lookout = Lookout(model, view, catalogue, places, sight)

    def answer(self, request: Request) -> Answer:
        """The answer to a request, whatever happens: what went wrong is told on a page."""
        path = tuple(unquote(part) for part in request.place.removeprefix(PREFIX).strip("/").split("/"))
        try:
            return self._post(path, request) if request.method == "POST" else self._get(path, request)
        except OldPageError as error:
            if error.fields:
                return anew.again(self._frame(name_in(request)), path, error.fields)
            return self._sorry(error.status, "That page was old", str(error))
        except FormError as error:
            if error.status == 403:
                self._count("cross-site")
            return self._sorry(error.status, "That was not taken", str(error))
        except LogError as error:
            return self._sorry(
                503,
                "That was not taken",
                f"The log did not take it: {error}. Send it again later: should it have come through after all, it counts once.",
            )
        except KeepsightError as error:
            return self._sorry(503, "This cannot be shown now", str(error))
        except Exception:  # a handler's failure must not end the connection without a word
            _LOG.error("console_failed", trace=True, path=request.place[:128])
            return self._sorry(500, "That went wrong", "It is a bug in the monitor; its log has the details (console_failed).")

    def _get(self, path: tuple[str, ...], request: Request) -> Answer:
        asked = _asked(request.path.partition("?")[2])
        frame = self._frame(name_in(request), asked.get("done", ""))
        match path:
            case ("static", file) if file in STATIC:
                content, kind = STATIC[file]
                return Answer(200, content, f"{kind}; charset=utf-8", (("Cache-Control", "private, max-age=86400"), *SHUT[1:]))
            case ("jobs",):
                return jobs.listed(frame, self._view, asked.get("state", ""), _number(asked.get("page", "")))
            case ("jobs", job_id, *rest):
                return self._job(frame, job_id, rest)
            case ("versions",):
                return versions.listed(frame, self._view, self._catalogue, _number(asked.get("page", "")))
            case ("versions", version, *rest):
                return self._version(frame, version, rest)
            case ("labels",):
                return self._label_page(frame, asked.get("frame", ""), asked.get("after", ""), asked.get("undo", ""))
            case ("frames", frame_id):
                return self._places.picture(self._model, frame_id) or self._missing(frame)
            case ("frames", frame_id, "small"):
                return self._places.small(self._model, frame_id) or self._missing(frame)
            case (room, *_) if room in ROOMS:
                return self._lookout.page(path, asked, _number(asked.get("page", "")), frame) or self._missing(frame)
        return self._missing(frame)

    def _post(self, path: tuple[str, ...], request: Request) -> Answer:
        fields, key = self._token.read(request), self._key_id(request)
        match path:
            case ("labels",):
                return self._labelled(fields, key)
            case ("jobs", "ask"):
                return self._ordered(self._desk.retrain(fields, key), f"{PREFIX}/jobs", fields)
            case ("jobs", job_id, ("cancel" | "override") as what) if (job := self._view.job(job_id)) is not None:
                return self._ordered(
                    self._desk.of_job(job.last, what, fields, key), f"{PREFIX}/jobs/{quote(job_id, safe='')}", fields
                )
            case ("incidents", incident_id, what) if (incident := self._view.incidents.get(incident_id)) is not None:
                where = (
                    f"{PREFIX}/jobs" if what == "retrain" else f"{PREFIX}/incidents/{quote(incident_id, safe='')}"
                )  # where it is seen
                return self._ordered(self._desk.of_incident(incident, what, fields, key), where, fields)
            case ("versions", "rollback"):
                return self._ordered(
                    self._desk.roll_back(self._catalogue.now(anew=True)[0], fields, key), f"{PREFIX}/versions", fields
                )
            case ("versions", version, what) if NAME.fullmatch(version) and self._catalogue.manifest(version) is not None:
                return self._ordered(self._decided(version, what, fields, key), f"{PREFIX}/versions/{version}", fields)
        raise FormError("nothing is decided there: what it was about is gone", 404)

    def _decided(self, version: str, what: str, fields: dict[str, str], key: str) -> AnyEvent:
        rollout = self._view.newest_rollout()
        if what in ("approve", "reject"):
            return self._desk.decide(rollout, version, what, fields, key)
        if what == "promote":
            return self._desk.promote(self._catalogue.now(anew=True)[0], rollout, version, fields, key)
        raise FormError(f"{what!r} is nothing that can be done with a version", 404)

    def _ordered(self, event: AnyEvent, where: str, fields: dict[str, str]) -> Answer:
        if any(one.event_id == event.event_id for one in self._view.orders()):  # sent twice
            return shell.see_other(f"{where}?done={event.event_id}")
        self._bus.publish([encode(event, _SOURCE)])
        self._view.take(event)
        _LOG.info("console_ordered", order=type(event).__name__, id=event.event_id, by=getattr(event, "by", ""))
        return shell.see_other(f"{where}?done={event.event_id}", cookie_of(fields["by"].strip()))

    def _labelled(self, fields: dict[str, str], key: str) -> Answer:
        frame_id = fields.get("frame", "")
        if (seen := self._places.seen(self._model, frame_id)) is None:
            raise FormError("the frame is gone from the frame store: retention took it", 410)
        wanted = self._view.wanted()
        suspect = any(one.frame_id == frame_id and one.why == "suspect" for one in (wanted.frames if wanted else ()))
        before = self._view.said.of(frame_id)
        events = self._answering.events(*seen, suspect, self._catalogue.labels(), before, fields, key)
        self._bus.publish([encode(event, _SOURCE) for event in events])
        for event in events:
            self._view.take(event)
        return shell.see_other(f"{PREFIX}/labels?after={frame_id}&undo={frame_id}", cookie_of(fields["by"].strip()))

    def _label_page(self, frame: Frame, frame_id: str, after: str, undo: str) -> Answer:
        turn = self._queue.turn(frame.now, frame_id, after, frame.name)
        undo = undo if is_id(undo) else ""
        if turn is None:
            wanted = self._view.wanted()
            return labels.empty(frame, len(wanted.frames) if wanted else 0, undo)
        said = self._view.said.of(turn.card.frame_id)
        return labels.one(frame, turn, self._catalogue.labels(), said, undo)

    def _job(self, frame: Frame, job_id: str, rest: list[str]) -> Answer:
        job = self._view.job(job_id)
        if job is None:
            return jobs.unknown(frame)
        judged = job.judged or self._view.published(job.last.version)
        where = judged.page if judged is not None else ""
        return self._file(frame, where, rest) or jobs.one(frame, self._view, job, self._places.there(where))

    def _version(self, frame: Frame, version: str, rest: list[str]) -> Answer:
        manifest = self._catalogue.manifest(version) if NAME.fullmatch(version) else None
        if manifest is None:
            return versions.unknown(frame)
        published = self._view.published(version)
        where = (published.page if published else "") or f"models/{self._model}/{version}/verdict.html"
        there = self._places.there(where)
        return self._file(frame, where, rest) or versions.one(frame, self._view, self._catalogue, manifest, there)

    def _file(self, frame: Frame, where: str, rest: list[str]) -> Answer | None:
        """A file of a job or a version; None where its page is asked for."""
        match rest:
            case []:
                return None
            case ["verdict"]:
                return self._places.verdict(where) or self._missing(frame)
            case ["curve"]:
                return self._places.curve(where) or self._missing(frame)
        return self._missing(frame)

    def _frame(self, name: str = "", done: str = "") -> Frame:
        now = self._clock()
        order = next((one for one in self._view.orders() if one.event_id == done), None) if done else None
        said = f"On the log: {order.by} {told(order)}. What comes of it shows here." if order is not None else ""
        opened = len(self._view.incidents.open())
        refused = self._view.decisions.refused(done) if order is not None else ""
        return Frame(self._model, now, self._token.value, name, self._queue.left(now), opened, self._view.trouble, said, refused)

    def _missing(self, frame: Frame) -> Answer:
        return shell.page(
            frame, "none", "Not found", f'<h1>Not found</h1><p>Nothing lies here. <a href="{PREFIX}/">Fleet</a></p>', 404
        )

    def _sorry(self, status: int, title: str, text: str) -> Answer:
        body = f'<h1>{escape(title)}</h1><p class="lead">{escape(text)}</p><p>Go back with your browser: what you wrote is still there.</p>'
        return shell.page(self._frame(), "none", title, body, status)


def _asked(query: str) -> dict[str, str]:
    """The fields of a query. Raises FormError."""
    try:
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=8).items()}
    except ValueError as error:
        raise FormError(f"the address cannot be read: {error}", 400) from None


def _number(text: str) -> int:
    return min(int(text), _MOST_PAGES) if text.isascii() and text.isdecimal() and len(text) < 8 else 1

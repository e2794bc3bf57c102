"""The files that the console shows: stored frames, and the verdict pages and curves of jobs and versions. Each is found by a name that was checked; no path
of a client reaches a file system."""

import re
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from contracts import frames
from contracts.errors import FrameError, StoreError
from contracts.files import Folder
from contracts.frame_header import Header
from contracts.frame_store import FrameStore, StoredFrame
from contracts.health import Answer
from contracts.ids import is_id
from monitor.console.patience import PATIENT_S, Patience
from monitor.console.shell import HTML, SHUT
from monitor.report.photographs import small

MAX_BYTES: Final = 16 << 20
"""Of a verdict's page: those that are made have 2 MB at most."""
CURVE: Final = "curve.png"
AT_ONCE: Final = 8
"""Questions to a store, of all pages together."""
_OF_VERSION: Final = re.compile(
    r"models/[A-Za-z0-9][\w.-]{0,63}/[A-Za-z0-9][\w.-]{0,63}/[A-Za-z0-9][\w-]{0,63}\.(html|png)", re.ASCII
)
_OF_VERDICT: Final = re.compile(
    r"verdicts/[A-Za-z0-9][\w.-]{0,63}/[0-9a-f-]{36}/\d{1,6}/[A-Za-z0-9][\w-]{0,63}\.(html|png)", re.ASCII
)
_OF_JOB: Final = re.compile(r"[0-9a-f-]{36}/\d{1,6}/(package/)?[A-Za-z0-9][\w-]{0,63}\.(html|png)", re.ASCII)
_PICTURES: Final = {"jpeg": "image/jpeg", "png": "image/png", "rgb": "image/png", "webp": "image/webp"}
_OF_PICTURES: Final = (
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cache-Control", "private, max-age=3600"),
    *SHUT[1:],
)
_SHUT_IN: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
"""A verdict's page: made by the training process, shown without scripts and as if it came from nowhere."""


class Places:
    """`jobs` is the folder of the retrain service's jobs, on this machine or not there.

    A verdict's place is what JobAdvanced and ModelPublished say: a path in the repository, a version's or `verdicts/MODEL/JOB/ROUND/verdict.html`, or where
    the repository took it not, one in that folder (`JOB/ROUND/verdict.html`).
    """

    def __init__(self, repository: str, frame_store: str, jobs: Path, wait_s: float = PATIENT_S) -> None:
        self._repository, self._store, self._jobs = Folder(repository), FrameStore(frame_store), Folder(str(jobs))
        self._of_store = Patience(f"the frame store {frame_store}", AT_ONCE, wait_s)
        self._of_files = Patience(f"where verdicts lie, {repository} or {jobs},", AT_ONCE, wait_s)
        self._decoding = threading.Lock()
        self._at_jobs, self._at_repository = f"{jobs.absolute()}/", f"{repository}/"

    def card(self, model: str, frame_id: str) -> StoredFrame | None:
        """What is known of a stored frame. Raises StoreError."""
        return self._of_store.ask(lambda: self._store.card(model, frame_id))

    def cards(self, model: str, frame_ids: Sequence[str]) -> tuple[dict[str, StoredFrame | None], str]:
        """What is known of stored frames, asked at once: None of one that is gone. What cannot be read is left out, and the last reason why said."""
        found: dict[str, StoredFrame | None] = {}
        reason = ""
        answers = self._of_store.ask_all([partial(self._store.card, model, frame_id) for frame_id in frame_ids])
        for frame_id, answer in zip(frame_ids, answers, strict=True):
            try:
                found[frame_id] = answer()
            except StoreError as error:
                reason = str(error)
        return found, reason

    def content(self, card: StoredFrame) -> bytes | None:
        """A frame's bytes; None when retention took it. Raises StoreError."""
        try:
            return self._of_store.ask(lambda: self._store.read(card.path))
        except FileNotFoundError:
            return None

    def seen(self, model: str, frame_id: str) -> tuple[StoredFrame, Header] | None:
        """A stored frame that can be labelled, with its size; None when it is gone, damaged, or no version answered it. Raises StoreError."""
        card = self.card(model, frame_id) if is_id(frame_id) else None
        content = self.content(card) if card is not None and card.predictions else None
        try:
            return (card, frames.inspect(content)) if card is not None and content is not None else None
        except FrameError:
            return None

    def picture(self, model: str, frame_id: str) -> Answer | None:
        """A stored frame as it was sent. Raises StoreError."""
        card = self.card(model, frame_id) if is_id(frame_id) else None
        kind = _PICTURES.get(card.codec) if card is not None else None
        content = self.content(card) if card is not None and kind else None
        if content is None or kind is None:
            return None
        return Answer(200, content, kind, _OF_PICTURES)

    def small(self, model: str, frame_id: str) -> Answer | None:
        """A stored frame made smaller, for a page of many; None when it is gone or cannot be decoded. Raises StoreError."""
        card = self.card(model, frame_id) if is_id(frame_id) else None
        content = self.content(card) if card is not None else None
        if content is None:
            return None
        try:
            with self._decoding:  # a page asks for a dozen at once, and a frame may have 25 megapixels: one in memory
                return Answer(200, small(content), _PICTURES["jpeg"], _OF_PICTURES)
        except FrameError:
            return None

    def verdict(self, where: str) -> Answer | None:
        """A verdict's page, to be framed by ours; None when it is not where we can read. Raises StoreError."""
        content = self._read(where)
        return None if content is None else Answer(200, content, HTML, (("Content-Security-Policy", _SHUT_IN), *SHUT))

    def curve(self, where: str) -> Answer | None:
        """The picture of the training run beside a verdict's page. Raises StoreError."""
        content = self._read(f"{where.rpartition('/')[0]}/{CURVE}")
        return None if content is None else Answer(200, content, "image/png", SHUT)

    def there(self, where: str) -> tuple[bool, bool]:
        """Whether the page and the curve beside it can be shown. A store that fails shows nothing."""
        try:
            return self._found(where) is not None, self._found(f"{where.rpartition('/')[0]}/{CURVE}") is not None
        except StoreError:
            return False, False

    def _found(self, where: str) -> tuple[Folder, str] | None:
        """The folder that a place lies in, and the path there, if it is one of ours, there, and not too large."""
        where = where.removeprefix("file://")
        repository = (self._repository, self._at_repository)
        for folder, root, rule in ((*repository, _OF_VERSION), (*repository, _OF_VERDICT), (self._jobs, self._at_jobs, _OF_JOB)):
            path = where.removeprefix(root)
            if rule.fullmatch(path):
                parent, _, name = path.rpartition("/")
                size = self._of_files.ask(partial(folder.sizes, parent)).get(name)
                return (folder, path) if size is not None and size <= MAX_BYTES else None
        return None

    def _read(self, where: str) -> bytes | None:
        found = self._found(where)
        try:
            return None if found is None else self._of_files.ask(partial(found[0].read, found[1]))
        except FileNotFoundError:
            return None

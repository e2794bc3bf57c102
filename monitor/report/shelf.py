"""The folder where reports lie: for each incident what it was when its report was asked for (`ID.json`), the page that was made (`ID.html`), and what the
console draws of it (`ID.shapes`).

They survive a restart. Bounded: of pages the newest `pages`, and no more than MOST_BYTES of them; of incidents the newest MOST_INCIDENTS.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from contracts import finite
from contracts.files import Folder
from contracts.incidents import Incident
from monitor.report.shapes import Shape, decode

MOST_INCIDENTS: Final = 1000
"""Some 5 kB each."""
MOST_BYTES: Final = 512 << 20
"""Of pages, some 6 MB each."""
SHAPES: Final = ".shapes"


class Shelf:
    """One model's reports. Any thread may read a page; one does the rest."""

    def __init__(self, path: Path, pages: int) -> None:
        self._path = path
        self._folder = Folder(str(path))
        self._pages = pages

    def incidents(self) -> dict[str, Incident]:
        """The incidents that were asked about, oldest first. What cannot be read is passed over: it is asked about anew."""
        found = {}
        for file in self._by_age("*.json"):
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                found[file.stem] = finite.decode(file.read_bytes(), Incident)
        return found

    def page_path(self, incident_id: str) -> Path:
        """Where an incident's page is to be put, whole."""
        return self._path / f"{incident_id}.html"

    def page(self, incident_id: str) -> bytes | None:
        """An incident's page; None without one."""
        try:
            return self.page_path(incident_id).read_bytes()
        except FileNotFoundError:
            return None

    def shapes(self, incident_id: str) -> tuple[Shape, ...]:
        """What is drawn of an incident; () without a report, or one from before there was anything to draw."""
        try:
            return decode(self.page_path(incident_id).with_suffix(SHAPES).read_bytes())
        except (OSError, msgspec.MsgspecError):
            return ()

    def ask(self, incident: Incident) -> None:
        """Note what the incident is now. Raises StoreError."""
        self._folder.write(f"{incident.incident_id}.json", msgspec.json.encode(finite.finite(incident)), durable=False)

    def trim(self) -> None:
        """Remove the oldest beyond the bounds, and what an unfinished process left."""
        kept, size = 0, 0
        for page in reversed(self._by_age("*.html")):
            kept, size = kept + 1, size + page.stat().st_size
            if kept > self._pages or (size > MOST_BYTES and kept > 1):
                page.unlink(missing_ok=True)
                page.with_suffix(SHAPES).unlink(missing_ok=True)
        for old in self._by_age("*.json")[:-MOST_INCIDENTS]:
            old.unlink(missing_ok=True)
        for part in self._path.glob("*.part"):
            part.unlink(missing_ok=True)

    def _by_age(self, pattern: str) -> list[Path]:
        """Oldest first, then by name."""
        return [path for _, path in sorted((path.stat().st_mtime_ns, path) for path in self._path.glob(pattern))]

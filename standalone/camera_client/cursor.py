"""Where a folder or video stands, kept in a small file, so that the next run goes on there."""

import json
from pathlib import Path

from contracts.errors import StoreError
from contracts.files import Folder
from standalone.camera_client.errors import UsageError


class Cursor:
    """`after` is the last shot that is over, "" at the beginning. Written after each shot; a power cut may lose the newest marks, and those are sent again."""

    def __init__(self, path: Path, camera: str, source: str) -> None:
        self._path, self._owner = path, {"camera": camera, "source": source}
        self._folder = Folder(str(path.parent.resolve()))
        self.after = self._read()

    def advance(self, after: str) -> None:
        """Remember `after`. Raises UsageError when the file cannot be written."""
        self.after = after
        content = json.dumps({**self._owner, "after": after}, ensure_ascii=False).encode()
        try:
            self._folder.write(self._path.name, content, durable=False)
        except (StoreError, OSError) as error:
            raise UsageError(f"--resume: {error}") from None

    def _read(self) -> str:
        try:
            said = json.loads(self._folder.read(self._path.name))
            owner, after = {key: said[key] for key in self._owner}, str(said["after"])
        except FileNotFoundError:
            return ""
        except (StoreError, OSError) as error:
            raise UsageError(f"--resume: {error}") from None
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"--resume {self._path}: this is no file of keepsight-camera's; name another, or remove it") from None
        if owner != self._owner:
            raise UsageError(
                f"--resume {self._path}: it belongs to camera {owner['camera']!r} and {owner['source']}; name another file, or remove it"
            )
        return after

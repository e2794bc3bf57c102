"""Who serves: the channels of a model, one small file that serving polls and retrain's rollout moves."""

import hashlib
from typing import Annotated

import msgspec

from contracts.predictions import Variant


class Channels(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which version answers which camera.

    The champion answers all cameras but the `share` (0 to 1) that the candidate answers; `shadow` is scored beside every answer and answers none;
    `previous` is where a rollback goes. `sequence` counts the changes from 1; `changed_at` is Unix seconds.
    """

    champion: str
    candidate: str | None = None
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    shadow: str | None = None
    previous: str | None = None
    sequence: int = 0
    changed_at: float = 0.0
    by: str = ""
    reason: str = ""

    def versions(self) -> tuple[str, ...]:
        """The versions that serving must hold ready, the champion first."""
        return tuple(dict.fromkeys(v for v in (self.champion, self.candidate, self.shadow) if v))

    def answering(self, camera: str) -> tuple[str, Variant]:
        """The version that answers a camera, and as what. Sticky: as a candidate's share grows, cameras only ever move to it."""
        if self.candidate and _place(camera, self.candidate) < self.share:
            return self.candidate, "candidate"
        return self.champion, "champion"


def _place(camera: str, version: str) -> float:
    """A camera's fixed place in [0, 1) for one candidate, so that no camera is always the first to try a new version."""
    return int.from_bytes(hashlib.blake2b(f"{version}/{camera}".encode(), digest_size=7).digest()) / (1 << 56)

"""The one tree of errors that cross a module's border. A message says what failed, the value, what is allowed and what to do.

KeepsightError
├── SettingsError          a settings file or variable is wrong; the process does not start
├── KeyRefusedError        a request's key is missing, unknown or for something else (401, 403); `.kind` is a problem type
├── TruthRefusedError      a label does not fit its frame, or is no class of the model; `.kind` is a problem type
├── FrameError             the sender's frame is at fault (4xx); `.reason` is a closed set, a metric label and a problem type
├── VersionError           a model version is missing, half-written, altered or cannot be used
│   └── VersionTakenError  another model was published under this name: take the next number
├── ChannelConflictError   channels.json changed since it was read: read again and decide again
├── LogError
│   ├── LogAwayError       the log does not answer at present: try again later, nothing is lost
│   └── LogRefusedError    the log answered no (password, rights, unknown topic): a person must act
│       └── RecordTooLargeError  one record is larger than the log takes; the others are not held up by it
├── StoreError             the frame store, the model repository or a service's state cannot be read or written at present
└── TakenOverError         another replica has taken this one's work over: drop what is not saved, and stand by
"""

from typing import Literal

FrameFault = Literal[
    "empty",
    "too_large",
    "too_many_pixels",
    "not_an_image",
    "unsupported_format",
    "truncated",
    "not_decodable",
    "too_small",
    "animated",
]


class KeepsightError(Exception):
    """Anything Keepsight raises on purpose."""


class SettingsError(KeepsightError):
    """A setting is unknown, missing or out of range. The message names the key, the value and what is allowed."""


class KeyRefusedError(KeepsightError):
    """A request that is not let in. `needed` is the scope that its key has not, "" where there is no key."""

    def __init__(self, kind: Literal["missing-key", "unknown-key", "wrong-scope"], message: str, needed: str = "") -> None:
        super().__init__(message)
        self.kind, self.needed = kind, needed


class TruthRefusedError(KeepsightError):
    """What somebody says is true of a frame cannot be: of the wrong kind, or of a class that no version in service knows."""

    def __init__(self, kind: Literal["wrong-truth", "unknown-class"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class FrameError(KeepsightError):
    """A frame that cannot be served because of what was sent."""

    def __init__(self, reason: FrameFault, message: str) -> None:
        super().__init__(message)
        self.reason: FrameFault = reason


class VersionError(KeepsightError):
    """A model version cannot be used. The message names the file and the reason."""


class VersionTakenError(VersionError):
    """Another model was published under this name first."""


class ChannelConflictError(KeepsightError):
    """Another writer changed the channels first. Read them again before deciding again."""


class LogError(KeepsightError):
    """The log failed."""


class LogAwayError(LogError):
    """The log does not answer now; the same call may succeed later."""


class LogRefusedError(LogError):
    """The log answered and refused: credentials, rights, or a topic that does not exist."""


class RecordTooLargeError(LogRefusedError):
    """One of the records is larger than the log takes, and always will be."""


class StoreError(KeepsightError):
    """The frame store, the model repository or a service's state could not be read or written."""


class TakenOverError(KeepsightError):
    """Another replica goes on from what was saved last. What is not saved here is its to do."""

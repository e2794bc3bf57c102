"""Why a camera client ends before its frames do; each kind has an exit status, so that a supervisor knows whether trying again can help."""

from typing import ClassVar

from contracts.errors import KeepsightError


class CameraError(KeepsightError):
    """The client cannot go on. The message says what to do; `status` is the exit status."""

    status: ClassVar[int] = 2


class UsageError(CameraError):
    """The command line, or a file that it names, is wrong."""


class GaveUpError(CameraError):
    """The server did not take a frame for longer than `--give-up-after`."""

    status = 3


class TurnedAwayError(CameraError):
    """The server, or its certificate, is such that no frame will ever pass: key, camera name, address, trust."""

    status = 4


class SourceError(CameraError):
    """The folder, video or stream gives no frames."""

    status = 5

"""Keys as serving's routes see them: the refusals of contracts/keys.py as problems, and whose frames a key may send."""

from contracts.errors import KeyRefusedError
from contracts.keys import CAMERA, Key, wrong_scope
from serving.problems import ProblemError


def check_camera(key: Key, camera: str) -> None:
    """Refuse a frame of `camera` that came with a key of other cameras. Raises ProblemError."""
    if not key.may_send(camera):
        raise problem_of(wrong_scope(key, f"{CAMERA}{camera[:64]}"))


def problem_of(refused: KeyRefusedError) -> ProblemError:
    """A refusal as the client is told."""
    return (
        ProblemError(refused.kind, str(refused), needed=refused.needed)
        if refused.needed
        else ProblemError(refused.kind, str(refused))
    )

"""Every refusal by name: RFC 9457 problems with a stable type, a status and a detail that says what to do. Types are also metric labels."""

from typing import Final, Literal, NamedTuple, get_args

import msgspec

from contracts.errors import FrameError, FrameFault

TYPE_PREFIX: Final = "urn:keepsight:problem:"


class Kind(NamedTuple):
    """A problem type's HTTP status and title."""

    status: int
    title: str


KINDS: Final[dict[str, Kind]] = {
    "missing-camera": Kind(400, "No camera is named"),
    "unknown-camera": Kind(404, "The camera is not known"),
    "bad-captured-at": Kind(400, "The capture time is not a time"),
    "bad-frame-id": Kind(400, "The frame's id is no UUIDv7"),
    "bad-deadline": Kind(400, "The deadline is not a number of milliseconds"),
    "empty": Kind(400, "The body is empty"),
    "too-large": Kind(413, "The body is too large"),
    "too-many-pixels": Kind(422, "The frame claims too many pixels"),
    "too-small": Kind(422, "The frame has too few pixels"),
    "not-an-image": Kind(415, "The body is not an image"),
    "unsupported-format": Kind(415, "The image format is not taken"),
    "unsupported-encoding": Kind(415, "The body is compressed"),
    "truncated": Kind(422, "The frame is cut short"),
    "not-decodable": Kind(422, "The frame is damaged"),
    "animated": Kind(422, "The image is an animation"),
    "body-timeout": Kind(408, "The body took too long to arrive"),
    "missing-key": Kind(401, "No key was sent"),
    "unknown-key": Kind(401, "The key is not known"),
    "wrong-scope": Kind(403, "The key is not for this"),
    "cross-site": Kind(403, "A web page asks, which may not"),
    "rate-limited": Kind(429, "The camera sends more than it may"),
    "bad-request": Kind(400, "The request is not HTTP that is taken here"),
    "head-too-large": Kind(431, "The request's head is too large"),
    "head-timeout": Kind(408, "The request's head took too long to arrive"),
    "too-many-connections": Kind(429, "As many connections are open as may be"),
    "overloaded": Kind(429, "More frames wait than can be answered in time"),
    "deadline-expired": Kind(429, "The frame's deadline passed while it waited"),
    "superseded": Kind(429, "A newer frame of the camera took its place"),
    "client-gone": Kind(499, "The client left"),
    "not-ready": Kind(503, "No model version is ready"),
    "invalid-output": Kind(500, "The model's output is not a number"),
    "inference-failed": Kind(500, "The model failed on this frame"),
    "unknown-frame": Kind(404, "The frame is not in the frame store"),
    "unknown-class": Kind(422, "The label is no class of the model"),
    "wrong-truth": Kind(422, "The truth does not fit the model's task"),
    "bad-json": Kind(400, "The body is not the JSON that is expected"),
    "labels-held-up": Kind(429, "Labels cannot be journalled now"),
    "store-failed": Kind(500, "The frame store does not answer"),
    "bad-multipart": Kind(400, "The body is not the multipart that is expected"),
    "bad-tensor": Kind(400, "The tensor or its data are not what the model takes"),
    "unknown-model": Kind(404, "The model or its version is not served"),
    "channels-decide": Kind(403, "Versions are not loaded or unloaded by clients"),
    "not-found": Kind(404, "There is no such path"),
    "method-not-allowed": Kind(405, "The path does not take this method"),
    "internal": Kind(500, "The server failed"),
}
_FRAME_FAULTS: Final = frozenset(fault.replace("_", "-") for fault in get_args(FrameFault))
_CHALLENGES: Final = {"missing-key": "", "unknown-key": ', error="invalid_token"', "wrong-scope": ', error="insufficient_scope"'}
"""RFC 6750, section 3: what the answer says beside the scheme."""
_ENCODER: Final = msgspec.json.Encoder()


class ProblemError(Exception):
    """A refusal. `kind` is a key of KINDS; `more` are further members of the JSON; `retry_after_s` becomes the header (whole seconds)."""

    def __init__(self, kind: str, detail: str, retry_after_s: int | None = None, **more: object) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.retry_after_s, self.more = kind, detail, retry_after_s, more
        self.status, self.title = KINDS[kind]

    @property
    def outcome(self) -> Literal["rejected", "refused", "overloaded", "failed", "gone"]:
        """Whose fault it is: the frame's, the request's, too many requests', or the server's; or nobody's, the client having left."""
        if self.kind in _FRAME_FAULTS:
            return "rejected"
        if self.status == 429:
            return "overloaded"
        if self.kind == "client-gone":
            return "gone"
        return "failed" if self.status >= 500 else "refused"

    def body(self) -> bytes:
        """The problem+json document."""
        return _ENCODER.encode(
            {"type": TYPE_PREFIX + self.kind, "title": self.title, "status": self.status, "detail": self.detail, **self.more}
        )

    def headers(self) -> list[tuple[str, str]]:
        """The response headers that belong to it."""
        headers = [("content-type", "application/problem+json")]
        if self.retry_after_s is not None:
            headers.append(("retry-after", str(self.retry_after_s)))
        if self.status == 405 and "allow" in self.more:
            headers.append(("allow", str(self.more["allow"])))
        if self.kind in _CHALLENGES:
            headers.append(("www-authenticate", f'Bearer realm="keepsight"{_CHALLENGES[self.kind]}'))
        return headers


def of_frame(error: FrameError) -> ProblemError:
    """The problem of a frame that cannot be served."""
    return ProblemError(error.reason.replace("_", "-"), str(error))

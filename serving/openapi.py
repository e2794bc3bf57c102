"""The OpenAPI document of the HTTP edge, from the same structs that are sent and received and the same table of problems."""

from typing import Any, Final

import msgspec

from serving.edge.batch import MAX_FRAMES, Results
from serving.edge.labels import MAX_LABELS, LabelPost, LabelsTaken
from serving.oip import openapi as oip_openapi
from serving.problems import KINDS, TYPE_PREFIX
from serving.queueing.frame import Answer

Json = dict[str, Any]
_REFERENCE = "#/components/schemas/{name}"
_CONNECTION_PROBLEMS = (
    "bad-request",
    "head-too-large",
    "head-timeout",
    "too-many-connections",
    "cross-site",
    "method-not-allowed",
    "internal",
)
"""Of every path: told before a route is reached, or by the server itself."""
_KEY_PROBLEMS = ("missing-key", "unknown-key", "wrong-scope")
_FRAME_PROBLEMS = (
    "rate-limited", "missing-camera", "unknown-camera", "bad-captured-at", "bad-deadline", "bad-frame-id", "empty", "too-large", "too-many-pixels",
    "too-small", "not-an-image", "unsupported-format", "unsupported-encoding", "truncated", "not-decodable", "animated", "body-timeout", "overloaded",
    "deadline-expired", "superseded", "not-ready", "invalid-output", "inference-failed",
)  # fmt: skip
_BATCH_PROBLEMS = ("bad-multipart", "too-large", "unsupported-encoding", "body-timeout", "overloaded", "not-ready")
"""Of the request; those of its frames are in the reply."""
_LABEL_PROBLEMS = (
    "bad-json", "wrong-truth", "unknown-class", "unknown-frame", "too-large", "unsupported-encoding", "body-timeout", "labels-held-up", "not-ready",
    "store-failed",
)  # fmt: skip


_KEYED: Final[Json] = {"security": [{"key": []}, {}]}


def _said(name: str, where: str, text: str) -> Json:
    return {"name": name, "in": where, "description": text, "schema": {"type": "string"}}


_SAID: Final = [
    _said("camera", "query", "The camera's name; it or Keepsight-Camera is required."),
    _said("captured_at", "query", "When the frame was captured: Unix seconds or RFC 3339. Left out: now."),
    _said("deadline_ms", "query", "How long the frame may wait for a worker, in milliseconds from the request's arrival."),
    _said("frame_id", "query", "A UUIDv7 of the frame's own: sent again under it, it is answered and counted once."),
    _said("Keepsight-Camera", "header", "As camera; the query wins."),
    _said("Keepsight-Captured-At", "header", "As captured_at; the query wins."),
    _said("Keepsight-Deadline-Ms", "header", "As deadline_ms; the query wins."),
    _said("Keepsight-Frame-Id", "header", "As frame_id; the query wins."),
]


def document() -> Json:
    """The whole document."""
    (answer, results, post, taken), schemas = msgspec.json.schema_components(
        (Answer, Results, LabelPost, LabelsTaken), ref_template=_REFERENCE
    )
    schemas["Result"]["properties"]["problem"] = {"$ref": _REFERENCE.format(name="Problem")}
    many = {"type": "array", "items": post, "minItems": 1, "maxItems": MAX_LABELS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Keepsight serving", "version": "1", "description": "Frames in, predictions out; labels any time later."},
        "paths": {
            "/v1/frames": {"post": _frames(answer)},
            "/v1/frames/batch": {"post": _batch(results)},
            "/v1/labels": {"post": _labels({"oneOf": [post, many]}, taken)},
            "/livez": {"get": _get("Whether the process lives", {"200": "It does"})},
            "/readyz": {"get": _get("Whether frames are answered", {"200": "They are", "503": "They are not; `reason` says why"})},
            "/metrics": {"get": _get("Prometheus metrics", {"200": "The exposition"}, "text/plain", keyed=True)},
            **oip_openapi.paths(lambda kinds: _refusals((*kinds, *_KEY_PROBLEMS, "not-found")), _KEYED),
        },
        "components": {
            "schemas": {**schemas, **oip_openapi.SCHEMAS, "Problem": _problem()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Where the server asks for keys."}},
        },
    }


def _frames(answer: Json) -> Json:
    image = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": "Predict one frame",
        "parameters": _SAID,
        "requestBody": {"required": True, "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), image)},
        **_KEYED,
        "responses": {"200": _ok("The prediction", answer), **_refusals(_FRAME_PROBLEMS + _KEY_PROBLEMS)},
    }


def _batch(results: Json) -> Json:
    content = {
        "schema": {"type": "object", "additionalProperties": {"contentMediaType": "application/octet-stream"}, "minProperties": 1}
    }
    return {
        "summary": "Predict many frames",
        "description": f"Each part is one frame, {MAX_FRAMES} at most. A part's name is its camera, or its header Keepsight-Camera says it; its headers "
        "Keepsight-Captured-At, Keepsight-Deadline-Ms and Keepsight-Frame-Id are those of /v1/frames. What the request's query or headers say holds for all.",
        "parameters": [one for one in _SAID if "frame" not in one["name"].lower()],
        "requestBody": {"required": True, "content": {"multipart/form-data": content}},
        **_KEYED,
        "responses": {
            "200": _ok("A result for each frame, in the order of the parts", results),
            **_refusals(_BATCH_PROBLEMS + _KEY_PROBLEMS),
        },
    }


def _labels(body: Json, taken: Json) -> Json:
    return {
        "summary": "Give the truth of sampled frames",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        **_KEYED,
        "responses": {"200": _ok("All labels were taken", taken), **_refusals(_LABEL_PROBLEMS + _KEY_PROBLEMS)},
    }


def _get(summary: str, responses: dict[str, str], kind: str = "application/json", keyed: bool = False) -> Json:
    return {
        "summary": summary,
        **(_KEYED if keyed else {}),
        "responses": {
            **{status: {"description": text, "content": {kind: {}}} for status, text in responses.items()},
            **_refusals(_KEY_PROBLEMS if keyed else ()),
        },
    }


def _ok(text: str, schema: Json) -> Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _refusals(kinds: tuple[str, ...]) -> Json:
    by_status: dict[int, list[str]] = {}
    for kind in dict.fromkeys((*kinds, *_CONNECTION_PROBLEMS)):
        by_status.setdefault(KINDS[kind].status, []).append(f"{KINDS[kind].title} ({kind})")
    schema = {"schema": {"$ref": _REFERENCE.format(name="Problem")}}
    return {
        str(status): {"description": "; ".join(titles), "content": {"application/problem+json": schema}}
        for status, titles in sorted(by_status.items())
    }


def _problem() -> Json:
    return {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "enum": [TYPE_PREFIX + kind for kind in KINDS]},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What is wrong and what to do."},
        },
    }

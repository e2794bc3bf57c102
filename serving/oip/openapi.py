"""The Open Inference Protocol's part of the OpenAPI document: its paths, from the same names that are answered."""

from collections.abc import Callable
from typing import Any, Final

from serving.oip.model import INPUTS, OUTPUTS

Json = dict[str, Any]
Refusals = Callable[[tuple[str, ...]], Json]
_MODEL_PROBLEMS: Final = ("unknown-model", "not-ready", "not-found")
INFER_PROBLEMS: Final = (
    *_MODEL_PROBLEMS, "bad-json", "bad-tensor", "missing-camera", "unknown-camera", "bad-captured-at", "bad-deadline", "bad-frame-id", "rate-limited", "empty",
    "too-large", "too-many-pixels", "too-small", "not-an-image", "unsupported-format", "unsupported-encoding", "truncated", "not-decodable", "animated",
    "body-timeout", "overloaded", "deadline-expired", "superseded", "invalid-output", "inference-failed",
)  # fmt: skip
_JSON: Final[Json] = {"application/json": {}}
_PARAMETERS: Final[Json] = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
_OUTPUTS: Final = " / ".join(f"of {task}: {', '.join(names)}" for task, names in OUTPUTS.items())
_TENSOR: Final[Json] = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string"},
        "parameters": _PARAMETERS,
        "data": {"description": "Flat or nested; left out where `binary_data_size` says how many bytes follow the JSON."},
    },
}
SCHEMAS: Final[Json] = {
    "OipError": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    "OipRequest": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {
                **_PARAMETERS,
                "description": "camera, captured_at, deadline_ms or timeout, frame_id; binary_data_output.",
            },
            "inputs": {"type": "array", "items": _TENSOR, "description": f"One of {', '.join(INPUTS)}."},
            "outputs": {"type": "array", "description": f"{_OUTPUTS}; left out: all.", "items": {"type": "object"}},
        },
    },
    "OipResponse": {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": _TENSOR},
        },
    },
}


def paths(refusals: Refusals, keyed: Json) -> Json:
    """The paths below /v2. `refusals` documents problems by status, `keyed` says that a key may be asked for."""

    def operation(
        summary: str, content: Json, problems: tuple[str, ...] = (), parameters: tuple[str, ...] = (), asks: Json = keyed
    ) -> Json:
        named = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters]
        return {
            "summary": summary,
            **({"parameters": named} if named else {}),
            **asks,
            "responses": {"200": {"description": summary, "content": content}, **_told(refusals(problems))},
        }

    def get(summary: str, problems: tuple[str, ...] = (), parameters: tuple[str, ...] = ()) -> Json:
        return {"get": operation(summary, _JSON, problems, parameters)}

    def infer(parameters: tuple[str, ...]) -> Json:
        reply = {"application/json": {"schema": _reference("OipResponse")}, "application/octet-stream": {}}
        asked = {"application/json": {"schema": _reference("OipRequest")}, "application/octet-stream": {}}
        found = operation("Predict the frames of a tensor", reply, INFER_PROBLEMS, parameters)
        return {"post": {**found, "requestBody": {"required": True, "content": asked}}}

    def ready(parameters: tuple[str, ...] = (), asks: Json = keyed) -> Json:
        found = operation("Whether frames are answered", {}, (), parameters, asks)
        found["responses"]["400"]["description"] = "They are not; or " + found["responses"]["400"]["description"]
        return {"get": found}

    index = operation("The versions in service", _JSON, ("bad-json", "too-large", "unsupported-encoding", "body-timeout"))
    refused = operation("Refused: channels decide", {}, ("channels-decide",), ("model",))
    del refused["responses"]["200"]
    document = {
        "/v2": get("The server and its extensions"),
        "/v2/health/live": {"get": operation("Whether the process lives", {}, asks={})},
        "/v2/health/ready": ready(asks={}),
        "/v2/models/stats": get("Statistics of all versions", ("not-ready",)),
        "/v2/repository/index": {"post": index},
        "/v2/repository/models/{model}/load": {"post": refused},
        "/v2/repository/models/{model}/unload": {"post": refused},
    }
    for place, parameters in (("/v2/models/{model}", ("model",)), ("/v2/models/{model}/versions/{version}", ("model", "version"))):
        document |= {
            place: get("The model's inputs and outputs", _MODEL_PROBLEMS, parameters),
            f"{place}/ready": ready(parameters),
            f"{place}/config": get("The model's configuration", _MODEL_PROBLEMS, parameters),
            f"{place}/stats": get("Statistics", _MODEL_PROBLEMS, parameters),
            f"{place}/infer": infer(parameters),
        }
    return document


def _told(responses: Json) -> Json:
    """Refusals as they are told here; what the connection itself refuses stays problem+json."""
    return {
        status: {**response, "content": {"application/json": {"schema": _reference("OipError")}, **response["content"]}}
        for status, response in responses.items()
    }


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}

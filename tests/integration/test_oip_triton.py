"""The real Triton server beside ours: the same bytes to both, the same status and the same shape of answer, but for the differences that are written down."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest

from tests.oip_cases import CASES, CRASH, Case
from tests.serving_process import PATIENCE_S, Reply, ServingProcess
from tests.small_model import publish_small_version
from tests.triton_server import TritonServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = TritonServer(tmp_path_factory.mktemp("triton"), port)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"), v2_camera="line-1")
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0


def asked(port: int, case: Case) -> Reply | None:
    """The answer; None where the connection ended without one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(case.method, case.path, case.body if case.method == "POST" else None, dict(case.headers))
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except (HTTPException, ConnectionError):
        return None
    finally:
        connection.close()


def shape(reply: Reply) -> Any:
    """An answer without what must differ: names and versions of servers, values, times."""
    length = int(reply.headers.get("inference-header-content-length", len(reply.body)))
    if not reply.body:
        return None
    head = json.loads(reply.body[:length])
    if reply.status != 200:
        return list(head)
    if "outputs" not in head or "model_name" not in head:
        return type(head)
    outputs = [
        (one["name"], one["datatype"], "data" in one, one["shape"] if one["name"] != "embedding" else len(one["shape"]))
        for one in head["outputs"]
    ]
    return sorted(set(head) - {"parameters"}), sorted(outputs)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_same_is_answered(triton: TritonServer, serving: ServingProcess, case: Case) -> None:
    triton.ready()
    theirs, ours = asked(triton.port, case), asked(serving.port, case)
    assert ours is not None
    assert ours.status == case.ours, ours
    if case.triton == CRASH:
        assert theirs is None
        assert triton.gone()
        return
    assert theirs is not None
    assert theirs.status == case.triton, theirs
    if theirs.status == ours.status and not case.why and case.method != "HEAD" and "encoding" not in " ".join(theirs.headers):
        assert shape(ours) == shape(theirs)


def test_metadata_and_configuration_name_the_same_members(triton: TritonServer, serving: ServingProcess) -> None:
    triton.ready()
    for path in ("/v2", "/v2/models/small", "/v2/models/small/config", "/v2/models/small/stats"):
        case = Case(path, "GET", path, 200, 200)
        theirs, ours = asked(triton.port, case), asked(serving.port, case)
        assert theirs is not None
        assert ours is not None
        if path == "/v2/models/small/config":
            assert {"name", "platform", "backend", "max_batch_size", "version_policy", "input", "output"} <= set(ours.json) & set(
                theirs.json
            )
        else:
            assert set(theirs.json) <= set(ours.json)
    theirs_stats, ours_stats = (asked(port, case) for port in (triton.port, serving.port))
    assert theirs_stats is not None
    assert ours_stats is not None
    assert set(theirs_stats.json["model_stats"][0]) == set(ours_stats.json["model_stats"][0])
    assert set(theirs_stats.json["model_stats"][0]["inference_stats"]) == set(ours_stats.json["model_stats"][0]["inference_stats"])

"""What /metrics says of a fleet: as much for ten thousand cameras as for twenty, with the worst of them by name."""

from pathlib import Path

from tests.serving_process import ServingProcess
from tests.small_model import photographs, publish_small_version

FLEET = 10_000
AT_ONCE = 100
(FRAME,), _ = photographs(1)
DAMAGED = FRAME[:100]


def _exposition(home: Path, count: int) -> list[str]:
    """The lines of /metrics (names and labels, without values) after every camera has sent a broken frame, the last five more, and one a good one."""
    cameras = {f"camera-{number:05}": {"site": "hall"} for number in range(count)}
    home.mkdir()
    serving = ServingProcess(home, cameras=cameras)
    publish_small_version(serving.repository)
    serving.start()
    try:
        names = [*cameras, *10 * [*cameras][-5:]]
        with serving.connected() as connection:
            for start in range(0, len(names), AT_ONCE):
                parts = [
                    f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + DAMAGED + b"\r\n"
                    for name in names[start : start + AT_ONCE]
                ]
                body, kind = b"".join(parts) + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}
                reply = serving.ask("POST", "/v1/frames/batch", body, kind, connection)
                assert {one["status"] for one in reply.json["frames"]} == {422}
        serving.answered(FRAME, names[0])
        lines = serving.get("/metrics").body.decode().splitlines()
    finally:
        assert serving.stop() == 0
    return [line.rpartition(" ")[0] for line in lines if line.startswith("keepsight_")]


def test_the_exposition_does_not_grow_with_the_fleet(tmp_path: Path) -> None:
    small, large = _exposition(tmp_path / "small", 20), _exposition(tmp_path / "large", FLEET)
    assert len(large) == len(small)
    named = [line for line in large if "camera=" in line]
    assert len(named) == 20
    for number in range(FLEET - 5, FLEET):
        assert any(f'camera="camera-{number:05}",outcome="rejected",problem="truncated"' in line for line in named)

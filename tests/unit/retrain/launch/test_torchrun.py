"""One process is started as it is, several under torchrun; each becomes its command."""

import subprocess
import sys

from retrain.launch.torchrun import spread


def test_one_device_needs_no_torchrun() -> None:
    assert spread(("python", "-m", "x"), 1) == ["python", "-m", "x"]


def test_several_run_the_same_command_each() -> None:
    command = spread(("python", "-m", "x"), 4, "/image/python")
    assert command[:6] == ["/image/python", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    assert command[-6:] == ["/image/python", "-m", "retrain.launch.torchrun", "python", "-m", "x"]
    assert "--no-python" in command


def test_a_worker_becomes_its_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "retrain.launch.torchrun", sys.executable, "-c", "import sys; print(sys.argv[1]); sys.exit(3)", "folder"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "folder\n")

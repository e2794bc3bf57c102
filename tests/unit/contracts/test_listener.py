"""A port that cannot be had is said in words, with the settings to change."""

import socket

import pytest

from contracts.errors import SettingsError
from contracts.listener import listen


def test_a_free_port_is_taken_and_listens() -> None:
    with listen("127.0.0.1", 0, "serving") as listener:
        port = listener.getsockname()[1]
        assert port > 0
        with socket.create_connection(("127.0.0.1", port), timeout=60):
            pass


def test_a_taken_port_says_which_settings_to_change() -> None:
    with listen("127.0.0.1", 0, "serving") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"serving cannot listen on 127\.0\.0\.1:{port}: .*in use.*\[serving\] host and port"
        ):
            listen("127.0.0.1", port, "serving")


def test_a_port_is_free_again_at_once_after_a_connection() -> None:
    listener = listen("127.0.0.1", 0, "serving")
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        listener.setblocking(True)
        accepted, _ = listener.accept()
        accepted.close()
        listener.close()
        client.recv(1)
    listen("127.0.0.1", port, "serving").close()


@pytest.mark.parametrize(("host", "port"), [("256.0.0.1", 0), ("192.0.2.1", 0), ("127.0.0.1", 70_000), ("no host", 0)])
def test_an_address_that_is_none_of_ours_is_said(host: str, port: int) -> None:
    with pytest.raises(SettingsError, match=rf"monitor cannot listen on {host}:{port}: .+\. Stop what uses it, or set \[monitor\]"):
        listen(host, port, "monitor")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_ipv6() -> None:
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    listen("::1", 0, "serving").close()

"""Keys: what a file may hold, who they open to, and that no secret stands anywhere."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import KeyRefusedError, SettingsError
from contracts.keys import bearer, new_key, parse

TOKEN, LINE = new_key("line-3", ["camera:line-3-*", "labels"])
OTHER, OTHER_LINE = new_key("scraper", ["metrics"])
DIGEST = "sha256:" + "0" * 64


def test_a_key_is_known_by_its_digest_and_the_file_holds_no_secret() -> None:
    ring = parse("# keys of hall 3\n\n" + LINE + OTHER_LINE, "keys")
    key = ring.of_bearer(TOKEN.encode())
    assert key is not None
    assert key.key_id == "line-3"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    assert LINE.split() == ["line-3", "camera:line-3-*,labels", f"sha256:{digest}"]
    assert TOKEN.rpartition(".")[2] not in LINE
    assert len(TOKEN.rpartition(".")[2]) >= 43  # 256 bits in base64


def test_what_is_not_the_key_is_no_key() -> None:
    ring, token = parse(LINE + OTHER_LINE, "keys"), TOKEN.encode()
    near = [token[:-1], token + b"x", token + b" " * 300, token.replace(b"line-3", b"scraper"), token.swapcase()]
    for wrong in [*near, b"", b"ks.line-3.", b"ks.nobody.x", b"\xff" * 300, b"line-3", DIGEST.encode()]:
        assert ring.of_bearer(wrong) is None


@given(st.binary(max_size=400))
def test_no_bytes_open_the_door(token: bytes) -> None:
    assert parse(LINE, "keys").of_bearer(token) is None


@pytest.mark.parametrize(
    ("scopes", "camera", "allowed"),
    [
        ("camera:line-3-*", "line-3-left", True),
        ("camera:line-3-*", "line-31", False),
        ("camera:line-3-*", "xline-3-left", False),
        ("camera:line-3-?", "line-3-7", True),
        ("camera:line-3-?", "line-3-77", False),
        ("camera:a.b", "a.b", True),
        ("camera:a.b", "aXb", False),
        ("camera:a,camera:b", "b", True),
        ("camera:*", "anything", True),
        ("labels,metrics", "a", False),
        ("camera:a", "a\n", False),
        ("camera:a", "", False),
    ],
)
def test_cameras_are_names_or_patterns(scopes: str, camera: str, allowed: bool) -> None:
    key = parse(f"k {scopes} {DIGEST}\n", "keys").keys["k"]
    assert key.may_send(camera) is allowed


def test_who_is_let_in_and_what_the_others_hear() -> None:
    ring = parse(LINE + OTHER_LINE + "gateway camera:* cert:gw.example\n", "keys")
    token = TOKEN.encode()
    assert ring.checked(token, None).key_id == ring.checked(token, "labels").key_id == "line-3"
    assert ring.checked(None, None, "gw.example").key_id == "gateway"
    for refused in (
        (None, None, "", "missing-key", ""),
        (None, "metrics", "gw.example", "wrong-scope", "metrics"),
        (b"ks.line-3.x", None, "gw.example", "unknown-key", ""),
        (token, "metrics", "", "wrong-scope", "metrics"),
        (OTHER.encode(), "monitor", "", "wrong-scope", "monitor"),
    ):
        sent, scope, certified, kind, needed = refused
        with pytest.raises(KeyRefusedError) as told:
            ring.checked(sent, scope, certified)
        assert (told.value.kind, told.value.needed) == (kind, needed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "half-written"),
        (LINE[:-1], "half-written"),
        (LINE[:-9] + "\n", "sha256: with 64 hex digits"),
        ("# nobody\n", "holds no key"),
        ("k labels\n", "line 1: it has 2 words"),
        (LINE + "k labels, metrics " + DIGEST + "\n", "line 2: it has 4 words"),
        (LINE + LINE, "line 2: the id 'line-3' stands there twice"),
        (f"k label {DIGEST}\n", "scope 'label' is none; allowed are labels, metrics, monitor, console and camera:NAME"),
        (f"k camera: {DIGEST}\n", "scope 'camera:' is none"),
        (f"k camera:[ab] {DIGEST}\n", "scope 'camera:[ab]' is none"),
        (f"k/1 labels {DIGEST}\n", "key id 'k/1' is no name"),
        ("k labels md5:0123\n", "sha256: with 64 hex digits"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_line_and_without_its_digests(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(text, "keys file k")
    assert message in str(refused.value)
    assert "0" * 9 not in str(refused.value)


def test_certificates_are_names_in_the_same_file() -> None:
    ring = parse("gateway camera:* cert:gateway.plant.example\n" + LINE, "keys")
    assert ring.certificates["gateway.plant.example"].may_send("any")
    assert ring.of_bearer(b"ks.gateway.") is None
    assert ring.of_bearer(b"gateway") is None


def test_keys_are_new_each_time() -> None:
    assert new_key("a", ["labels"])[0] != new_key("a", ["labels"])[0]
    with pytest.raises(SettingsError, match="has no scope"):
        new_key("a", [])


def test_a_header_of_another_scheme_is_no_bearer_key() -> None:
    assert [bearer(one) for one in (b"bEaRer  k ", b"Bearer ", b"Bearer", b"Basic k")] == [b"k", b"", None, None]

"""Who may ask serving or the monitor for what: bearer keys and client certificates, each with its scopes, from a file that holds no secret.

A key is `ks.ID.SECRET` with 256 random bits. The file keeps the SHA-256 of the whole key: nobody can guess 256 bits, so neither salt nor a slow hash
adds anything (they protect passwords, which people choose), and a slow one would cost more than the frame. Pure: text in, keys out.
"""

import fnmatch
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from contracts.errors import KeyRefusedError, SettingsError
from contracts.ids import NAME

LABELS: Final = "labels"
METRICS: Final = "metrics"
MONITOR: Final = "monitor"
"""The monitor's state and its reports, with cameras' photographs in them."""
CONSOLE: Final = "console"
"""What a person does there: labels, approvals, rollbacks."""
CAMERA: Final = "camera:"
_SECRET_BYTES: Final = 32
_MAX_KEY_BYTES: Final = 256
_PATTERN: Final = re.compile(r"[A-Za-z0-9._*?-]{1,64}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_CERTIFICATE: Final = re.compile(r"cert:([\x21-\x7e]{1,256})")


@dataclass(frozen=True, slots=True)
class Key:
    """Someone who may ask: `scopes` are `labels`, `metrics`, `monitor`, `console` and `camera:PATTERN` (with `*` and `?`); `proof` as the file has it."""

    key_id: str
    scopes: tuple[str, ...]
    proof: str
    cameras: re.Pattern[str]

    def may(self, scope: str) -> bool:
        """Whether one of the scopes is `scope` (labels, metrics, monitor, console)."""
        return scope in self.scopes

    def may_send(self, camera: str) -> bool:
        """Whether frames of `camera` may come with this key."""
        return self.cameras.fullmatch(camera) is not None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All who may ask: the SHA-256 of each bearer key by its id, and the names in client certificates."""

    keys: dict[str, Key]
    digests: dict[str, bytes]
    certificates: dict[str, Key]

    def of_bearer(self, token: bytes) -> Key | None:
        """The key that was sent; None when it is none of ours. An unknown id takes as long as a wrong secret."""
        key_id = named(token)
        digest = self.digests.get(key_id, _NO_DIGEST)
        same = hmac.compare_digest(hashlib.sha256(token[:_MAX_KEY_BYTES]).digest(), digest)
        return self.keys[key_id] if same and len(token) <= _MAX_KEY_BYTES else None

    def checked(self, token: bytes | None, needed: str | None, certified: str = "") -> Key:
        """The key that a request came with: `token`, else the client certificate of the name `certified`. Raises KeyRefusedError, also where it has not
        the scope `needed`; None: any key will do."""
        key = self.of_bearer(token) if token is not None else self.certificates.get(certified)
        if key is None:
            if token is None:
                raise KeyRefusedError("missing-key", "send the key that you were given as `Authorization: Bearer KEY`")
            raise KeyRefusedError("unknown-key", "the key is none of those known here: mistyped, or replaced by a newer one")
        if needed is not None and not key.may(needed):
            raise wrong_scope(key, needed)
        return key


_NO_DIGEST: Final = bytes(32)
NOBODY: Final = KeyRing({}, {}, {})


def named(token: bytes) -> str:
    """The id that a key claims."""
    return token[:_MAX_KEY_BYTES].removeprefix(b"ks.").rpartition(b".")[0].decode("latin-1")


def bearer(authorization: bytes) -> bytes | None:
    """What an `Authorization` header holds as bearer key (RFC 6750, section 2.1); None where it is of another scheme."""
    return authorization[7:].strip() if authorization[:7].lower() == b"bearer " else None


def wrong_scope(key: Key, needed: str) -> KeyRefusedError:
    """The refusal of a key that is for something else."""
    return KeyRefusedError("wrong-scope", f"key {key.key_id!r} is for {', '.join(key.scopes)}; this needs {needed}", needed)


def made(key_id: str, scopes: Sequence[str], proof: str) -> Key:
    """A key, its scopes checked. Raises SettingsError."""
    if not NAME.fullmatch(key_id):
        raise SettingsError(f"key id {key_id!r} is no name: letters, digits, '.', '_' or '-', at most 64")
    for scope in scopes:
        named_camera = scope.startswith(CAMERA) and _PATTERN.fullmatch(scope.removeprefix(CAMERA))
        if scope not in (LABELS, METRICS, MONITOR, CONSOLE) and not named_camera:
            raise SettingsError(
                f"scope {scope!r} is none; allowed are labels, metrics, monitor, console and camera:NAME, where NAME may hold * and ?"
            )
    if not scopes:
        raise SettingsError(f"key {key_id!r} has no scope; give labels, metrics, monitor, console or camera:NAME")
    patterns = [fnmatch.translate(scope.removeprefix(CAMERA)) for scope in scopes if scope.startswith(CAMERA)]
    return Key(key_id, tuple(scopes), proof, re.compile("|".join(patterns) or r"(?!)"))


def new_key(key_id: str, scopes: Sequence[str]) -> tuple[str, str]:
    """A new bearer key and its line for the file. Raises SettingsError."""
    token = f"ks.{key_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    return token, line_of(made(key_id, scopes, f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"))


def line_of(key: Key) -> str:
    """A key as the file has it."""
    return f"{key.key_id} {','.join(key.scopes)} {key.proof}\n"


def parse(text: str, where: str) -> KeyRing:
    """The keys in a file: `ID SCOPE[,SCOPE…] sha256:DIGEST` or `ID SCOPE… cert:NAME` a line, `#` begins a comment.

    Raises SettingsError naming the line, also where the file seems cut: no keys, or a last line without its end.
    """
    if not text.endswith("\n"):
        raise SettingsError(f"{where}: its last line has no end; it seems to be half-written")
    ring = KeyRing({}, {}, {})
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.partition("#")[0].split():
            _add(ring, words, f"{where}, line {number}")
    if not ring.keys:
        raise SettingsError(f"{where}: it holds no key; make one with `keepsight key new`")
    return ring


def _add(ring: KeyRing, words: list[str], where: str) -> None:
    if len(words) != 3:
        raise SettingsError(
            f"{where}: it has {len(words)} words; expected an id, scopes (with commas, no spaces) and sha256:… or cert:…"
        )
    key_id, scopes, proof = words
    if key_id in ring.keys:
        raise SettingsError(f"{where}: the id {key_id!r} stands there twice")
    try:
        key = made(key_id, scopes.split(","), proof)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None
    if found := _DIGEST.fullmatch(proof):
        ring.digests[key_id] = bytes.fromhex(found[1])
    elif found := _CERTIFICATE.fullmatch(proof):
        ring.certificates[found[1]] = key
    else:
        raise SettingsError(f"{where}: the third word must be sha256: with 64 hex digits, or cert: with a certificate's name")
    ring.keys[key_id] = key

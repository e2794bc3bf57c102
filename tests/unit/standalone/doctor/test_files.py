"""Certificates that end, keys that anyone may write, disks that fill."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.errors import KeepsightError
from contracts.keys import new_key
from standalone.doctor import files
from tests.certificates import Authority
from tests.doctors import NOW, Settings, only


def test_certificates(told: Settings, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = Authority(tmp_path)
    seen = {}
    for days in (1, 30):
        certificate, key = authority.sign(f"server-{days}", ends=now + timedelta(days=days))
        seen[days] = only(files.certificates(told(tls_cert_file=certificate, tls_key_file=key), now.timestamp()))
    later = told(kafka_ca_file=certificate)
    assert [seen[1].verdict, seen[30].verdict] == ["warn", "ok"]
    assert only(files.certificates(later, now.timestamp() + 40 * files.DAY_S)).verdict == "FAIL"
    certificate.write_text("nothing\n")
    assert "there is no certificate in it" in only(files.certificates(later, NOW)).said
    assert list(files.certificates(told(), NOW)) == []


def test_keys(told: Settings, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(new_key("belt", ["camera:belt-*"])[1])
    assert only(files.keys(told(keys_file=path))).said.startswith("1 in ")
    path.chmod(0o666)
    with pytest.raises(KeepsightError, match="chmod o-w"):
        list(files.keys(told(keys_file=path)))
    assert only(files.keys(told(open=True))).verdict == "warn"
    assert list(files.keys(told())) == []


@pytest.mark.parametrize(
    ("total_gib", "free_gib", "verdict"),
    [(100, 50, "ok"), (100, 9, "warn"), (100, 0.5, "FAIL"), (5000, 30, "ok"), (5000, 19, "warn"), (1, 0.2, "warn")],
)
def test_room(told: Settings, total_gib: float, free_gib: float, verdict: str) -> None:
    usage = int(total_gib * 2**30), 0, int(free_gib * 2**30)
    assert only(files.disks([told()], lambda _path: usage)).verdict == verdict

"""What sign-in decides without a database: counters, codes, seals."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access import keyfiles
from wayfare.access.signin import keys, rules, totp

NOW = datetime(2026, 7, 1, 12, 0, 10, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
A, B = (UUID(int=n) for n in range(2))


@pytest.mark.parametrize(
    ("stored", "told", "is_copied"),
    [(0, 0, False), (0, 1, False), (5, 6, False), (5, 900, False), (5, 5, True), (5, 4, True), (5, 0, True)],
)
def test_a_counter_that_does_not_go_on_tells_of_a_copy(stored, told, is_copied):
    assert rules.copied(stored, told) == is_copied


@pytest.mark.parametrize(("offset", "opens"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_that_of_its_step_or_the_neighbours(offset, opens):
    code = pyotp.TOTP(SECRET).at(NOW + timedelta(seconds=offset))
    step = totp.step_of(SECRET, code, NOW)
    assert (step is not None) == opens
    if opens:
        assert step == (int(NOW.timestamp()) + offset) // 30


def test_codes_are_those_of_the_rfc():
    """RFC 6238, appendix B, SHA-1, by its last six digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")):
        assert totp.step_of(secret, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize("written", ["{} {}", "{}-{}", " {}{} ", "{}\u00a0{}"])
def test_a_code_may_be_written_as_people_do(written):
    code = pyotp.TOTP(SECRET).at(NOW)
    assert totp.step_of(SECRET, written.format(code[:3], code[3:]), NOW) is not None
    eastern = code.translate({ord(str(n)): 0x0660 + n for n in range(10)})
    assert totp.step_of(SECRET, eastern, NOW) is not None


@pytest.mark.parametrize("code", ["", "0", "é" * 6, "9" * 1000, "²" * 6, "\x00"])
def test_what_is_no_code_opens_nothing(code):
    assert totp.step_of(SECRET, code, NOW) is None


@given(st.binary(max_size=64), st.binary(min_size=16, max_size=16), st.data())
def test_what_is_sealed_opens_for_its_owner_whole_and_nothing_else_does(secret, owner, data):
    key = bytes(32)
    box = keys.sealed(key, owner, secret)
    assert keys.unsealed(key, owner, box) == secret
    assert keys.unsealed(key, bytes(16) if any(owner) else b"\x01" * 16, box) is None
    assert keys.unsealed(b"\x01" * 32, owner, box) is None
    assert keys.unsealed(key, owner, box[:-1]) is None
    at = data.draw(st.integers(0, len(box) - 1))
    assert keys.unsealed(key, owner, box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]) is None


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    with pytest.raises(keys.KeyProblem, match="missing"):
        keys.opened(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()
    keyfiles.make(tmp_path / "keys" / keys.NAME)
    keyfiles.make(tmp_path / "keys" / keys.NAME)
    key = keys.opened(tmp_path / "keys")
    assert len(key) == 32
    assert keys.opened(tmp_path / "keys") == key
    (path,) = (tmp_path / "keys").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(keys.KeyProblem, match="chmod 600"):
        keys.opened(tmp_path / "keys")
    path.chmod(0o600)
    path.write_bytes(key[:-1])
    with pytest.raises(keys.KeyProblem, match="31 bytes"):
        keys.opened(tmp_path / "keys")


def test_spoken_codes_have_no_letter_that_is_misheard():
    codes = {rules.spoken_code() for _ in range(500)}
    assert len(codes) > 490
    assert not set("".join(codes)) & set("IO01")


def test_a_qr_code_has_no_script_and_scales():
    picture = totp.qr(totp.uri(SECRET, "ada@example.org"))
    assert picture.startswith("<svg")
    assert "viewBox" in picture
    assert "style=" not in picture
    assert SECRET in totp.uri(SECRET, "ada@example.org")


@pytest.mark.parametrize(
    ("password", "made_of"),
    [
        ("adaokoye2026", True),
        ("Ada.Okoye@Example.org", True),
        ("wayfare-wayfare", True),
        ("ada!ada!ada!ada", True),
        ("1234-5678-9012", True),
        ("seven lamps along the quay", False),
        ("my ada counts lamps", False),
        ("سبعة مصابيح على الرصيف", False),
    ],
)
def test_what_is_known_of_somebody_is_no_password(password, made_of):
    assert rules.is_made_of(password, "ada@example.org", "Ada Okoye", "wayfare") == made_of


@pytest.mark.parametrize(
    "email",
    ["\u0430da@example.org", "\uff41da@example.org", "ada@ex\u0430mple.org", "ada\u200b@example.org", "α@b.org"],
)
def test_an_address_that_may_look_like_another_is_told(email):
    assert rules.looks_like_another(email)


@pytest.mark.parametrize(
    "email", ["ada@example.org", "josé@example.org", "иван@пример.рф", "用戶@例子.广告", "ユーザー様@例え.テスト"]
)
def test_an_address_in_letters_of_one_script_is_its_own(email):
    assert not rules.looks_like_another(email)

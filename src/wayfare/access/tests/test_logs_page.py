"""The page of the logs' health, of purposes, and what the list of looks is narrowed to: who sees them, what they say."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from wayfare.access import operations, queries, words
from wayfare.access.operations import acting
from wayfare.access.purposes import PURPOSES, ROLES, WATCHERS
from wayfare.access.rules import Forbidden
from wayfare.access.source import ACCESS
from wayfare.access.tests.cast import Colleague, browser, file_of
from wayfare.common.tests.homes import bring_door_key
from wayfare.tlog import health, keys
from wayfare.tlog import operations as log
from wayfare.tlog.health import Extent
from wayfare.tlog.notes import COSIGNATURE_ED25519, Ed25519Signer
from wayfare.tlog.parts import Source
from wayfare.tlog.queries import Signed
from wayfare.tlog.verify import Findings
from wayfare.tlog.writers import writing

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path, settings):
    settings.WAYFARE_HOME = bring_door_key(tmp_path)
    return tmp_path


@pytest.fixture
def world(db, home):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    return {role: Colleague("paris", role) for role in ROLES}


def sections(page):
    """Return the text of each log's part of the page."""
    found = re.findall(
        r'<section class="wf-card wf-stack" id="(\w+)">(.*?)</section>', page.content.decode(), re.DOTALL
    )
    return {name: re.sub(r"<[^>]+>", " ", text) for name, text in found}


def entries(world):
    """Return how many lines the access log has: those of who came, too."""
    with acting(world["auditor"].secret):
        return queries.log_extent(0).entries


def signed(count, tmp_path):
    """Have a log of so many lines signed as the access log."""
    source = Source("access", lambda after, limit: [b"a line"] * max(0, min(limit, count - after)))
    log.keep_up(source, keys.opened(tmp_path / "keys-of-looks", "wayfare.example/access"))


# The health of the logs


@pytest.mark.parametrize(
    ("entries", "waits", "size", "stands"),
    [
        (0, None, None, "empty"),
        (0, None, 0, "well"),
        (9, None, 9, "well"),
        (9, timedelta(seconds=2), 7, "behind"),
        (9, timedelta(minutes=1), 7, "behind"),
        (9, timedelta(minutes=1, seconds=1), 7, "stopped"),
        (9, None, 7, "stopped"),
        (9, timedelta(seconds=2), None, "behind"),
        (9, timedelta(days=2), None, "never"),
        (9, None, 10, "ahead"),
    ],
)
def test_how_signing_stands(entries, waits, size, stands):
    extent = Extent(entries, None if waits is None else NOW - waits)
    assert health.signing(extent, None if size is None else Signed(size, NOW), NOW) == stands


@pytest.mark.parametrize("role", [*ROLES, None])
def test_who_watches_the_logs(world, role):
    page = browser(world.get(role)).get("/staff/log")
    assert page.status_code == (302 if role is None else 200 if role in WATCHERS else 404)
    if role in ROLES:
        absent = browser(world[role]).get("/staff/nothing")
        alike = page.content.replace(b"%2Flog", b"") == absent.content.replace(b"%2Fnothing", b"")
        assert alike is (role not in WATCHERS)


@pytest.mark.parametrize("role", ROLES)
def test_the_database_tells_the_extent_to_who_watches_alone(world, role):
    try:
        with transaction.atomic(), acting(world[role].secret):
            assert queries.log_extent(0).entries > len(ROLES)
    except Forbidden:
        assert role not in WATCHERS
    else:
        assert role in WATCHERS


def test_a_record_that_is_signed_and_one_that_is_not(world, tmp_path):
    counsellor, auditor = world["counsellor"], browser(world["auditor"])
    person = file_of(counsellor)
    assert "Nothing to sign yet" in sections(auditor.get("/staff/log"))["ledger"]
    assert "Signing in progress" in sections(auditor.get("/staff/log"))["access"]
    size = entries(world)
    signed(size, tmp_path)
    assert "Signed to its end" in sections(auditor.get("/staff/log"))["access"]
    counsellor.opens(person, "duplicate_review")
    text = sections(auditor.get("/staff/log"))["access"]
    assert "Signing in progress" in text
    assert re.search(rf"Entries\s+{size + 1}", text)
    assert re.search(rf"Last checkpoint\s+{size}", text)
    assert re.search(r"Not signed yet\s+1 entry", text)
    signed(size + 3, tmp_path)
    assert "The log is ahead of the database" in sections(auditor.get("/staff/log"))["access"]


def test_looks_that_were_undone_are_counted(world):
    counsellor, auditor = world["counsellor"], browser(world["auditor"])
    person = file_of(counsellor)
    counsellor.opens(person, "duplicate_review")

    def undone(looks):
        page = sections(auditor.get("/staff/log"))["access"]
        return int(re.search(rf"without an entry\s+([\d,]+)\s+of {looks}", page)[1].replace(",", ""))

    before = undone("1 opening")  # numbers are not undone: those of tests before this one are gone too
    with transaction.atomic():
        counsellor.opens(person, "duplicate_review")
        transaction.set_rollback(True)
    counsellor.opens(person, "duplicate_review")
    assert undone("2 openings") == before + 1


def test_what_was_recomputed_last_is_told_with_its_first_difference(world):
    auditor = browser(world["auditor"])
    assert "Not known" in sections(auditor.get("/staff/log"))["ledger"]
    health.remember("ledger", Findings(12, 12, []), at=NOW)
    text = sections(auditor.get("/staff/log"))["ledger"]
    assert "Matches the log" in text
    assert "12 entries recomputed" in text
    assert "24 November 2026" in text
    assert "Not known" in sections(auditor.get("/staff/log"))["access"], "each log by itself"
    health.remember("ledger", Findings(4, 12, ["position 5 differs <here>", "and more"]), at=NOW)
    page = auditor.get("/staff/log").content.decode()
    assert "Different" in page
    assert "position 5 differs &lt;here&gt;" in page


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": 3}', b'{"at": "x", "leaves": 1, "differences": []}'])
def test_what_cannot_be_read_of_it_is_not_known(home, content):
    assert health.last_verified("ledger") is None
    health.remember("ledger", Findings(1, 1, []), at=NOW)
    assert health.last_verified("ledger") == (NOW, 1, [])
    (home / "verified" / "ledger.json").write_bytes(content)
    assert health.last_verified("ledger") is None


def test_witnesses_are_told_by_what_they_cosigned(world, home, tmp_path):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from django.db import connection

    from wayfare.tlog import notes
    from wayfare.tlog import queries as of_log
    from wayfare.tlog.policy import key_of

    auditor = browser(world["auditor"])
    assert "No witness is set up" in sections(auditor.get("/staff/log"))["access"]
    key = Ed25519PrivateKey.generate()
    witness = Ed25519Signer("witness.example/one", COSIGNATURE_ED25519, key)
    (home / "witnesses").write_text(f"https://witness.example {witness.verifier}\n")
    assert "Has never cosigned" in sections(auditor.get("/staff/log"))["access"]
    person = file_of(world["counsellor"])
    size = entries(world)
    signed(size, tmp_path)
    note = of_log.latest("access", cosigned=False)
    assert note is not None
    line = notes.signed_note(note.text, [witness], int(NOW.timestamp())).signatures[0].line()
    with writing(), connection.cursor() as cursor:
        cursor.execute(
            "insert into log_cosignature (log, size, witness, line) values ('access', %s, %s, %s)",
            [size, key_of(witness.verifier), line],
        )
    text = sections(auditor.get("/staff/log"))["access"]
    assert "Cosigned the last checkpoint" in text
    assert "witness.example/one" in text
    assert "13:00" in text, "by the clock of the office"
    world["counsellor"].opens(person, "duplicate_review")
    signed(size + 1, tmp_path)
    assert "Cosigned an earlier one" in sections(auditor.get("/staff/log"))["access"]
    with writing(), connection.cursor() as cursor:
        cursor.execute("update log_cosignature set line = replace(line, right(line, 12), 'AAAAAAAAAA=' || e'\\n')")
    assert "Has never cosigned" in sections(auditor.get("/staff/log"))["access"], "one that does not hold is none"


def test_a_list_of_witnesses_that_cannot_be_read_is_told(world, home):
    (home / "witnesses").write_text("no address\n")
    text = sections(browser(world["auditor"]).get("/staff/log"))["access"]
    assert "cannot be read" in text
    assert "line 1" in text


def test_the_record_of_looks_is_one_of_the_two(world):
    assert set(sections(browser(world["administrator"]).get("/staff/log"))) == {"ledger", ACCESS.log}


# Purposes


def test_every_colleague_reads_the_list_of_purposes_and_which_are_theirs(world):
    for role, colleague in world.items():
        page = browser(colleague).get("/staff/purposes")
        assert page.status_code == 200
        text = page.content.decode()
        parts = dict(re.findall(r'<section class="wf-card wf-stack" id="(\w+)">(.*?)</section>', text, re.DOTALL))
        assert parts.keys() == PURPOSES.keys()
        for code, known in PURPOSES.items():
            assert ("You can use it" in parts[code]) is (role in known.roles)
            assert words.groups(known.groups).capitalize() in parts[code]
            assert f"{known.hours} hours at most" in parts[code]
            assert all(words.role(one) in parts[code] for one in known.roles)
    assert browser(None).get("/staff/purposes").status_code == 302


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
def test_the_pages_speak_the_languages(world, language):
    officer = browser(world["data_protection_officer"], language)
    for path in ("/staff/log", "/staff/purposes", "/staff/looks"):
        text = officer.get(path).content.decode()
        assert f'lang="{language}"' in text
        assert not re.search(r">(Purposes|Sign out|The logs|Show|Witnesses|It opens|Entries)<", text), path


# Looks of one file, or of one colleague


def lines(page):
    return page.content.decode().count('<li class="wf-way__item')


def test_looks_are_narrowed_to_a_file_and_to_a_colleague(world):
    one, other = world["counsellor"], world["supervisor"]
    first, second = file_of(one), file_of(one)
    for person in (first, second, second):
        one.opens(person, "duplicate_review")
    other.opens(first, "duplicate_review")
    officer = browser(world["data_protection_officer"])
    assert lines(officer.get("/staff/looks")) == 4
    assert lines(officer.get(f"/staff/looks?person={first}&staff=")) == 2
    assert lines(officer.get(f"/staff/looks?person=&staff={one.id}")) == 3
    page = officer.get(f"/staff/looks?person={first}&staff={one.id}")
    assert lines(page) == 1
    assert f'value="{first}"' in page.content.decode()
    assert f'<option value="{one.id}" selected>' in page.content.decode()
    assert lines(browser(one).get(f"/staff/looks?staff={other.id}")) == 0, "their own stay theirs"
    assert "<select" not in browser(one).get("/staff/looks").content.decode()


def test_pages_of_older_looks_stay_narrowed(world):
    one = world["counsellor"]
    person = file_of(one)
    for _ in range(51):
        one.opens(person, "duplicate_review")
    page = browser(world["auditor"]).get(f"/staff/looks?person={person}&staff={one.id}").content.decode()
    assert f"&amp;person={person}&amp;staff={one.id}" in page


@pytest.mark.parametrize("field", ["person", "staff"])
@pytest.mark.parametrize("text", ["x", "1", "<b>", "0" * 33])
def test_what_is_no_id_is_told_and_stays_in_its_field(world, field, text):
    page = browser(world["auditor"]).get("/staff/looks", {field: text})
    assert page.status_code == 422
    assert f'href="#{field}"' in page.content.decode()
    assert "<b>" not in page.content.decode()
    assert lines(page) == 0


def test_nobody_is_at_an_id_that_nobody_has(world):
    assert lines(browser(world["auditor"]).get(f"/staff/looks?person={uuid4()}")) == 0


def test_signing_out_is_on_every_page_of_staff(world):
    client = browser(world["data_protection_officer"])
    for path in ("/staff/me", "/staff/looks", "/staff/log", "/staff/purposes", "/files/", "/staff/requests"):
        page = client.get(path).content.decode()
        assert page.count('action="/staff/sign-out"') == 1, path
    assert client.post("/staff/sign-out").status_code == 302
    assert client.get("/staff/log").status_code == 302

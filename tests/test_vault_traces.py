"""No plaintext on any disk: a person's whole life in the vault leaves none in tables, log, journal or temporary files."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import IntegrityError, connection, connections

from wayfare.access import operations as access
from wayfare.people import epochs, operations, queries
from wayfare.people.tests import conftest
from wayfare.people.tests.cast import NOW, Colleague, erased, file_data
from wayfare.site import embedded

keys_folder, token, tokens_folder, vault = (
    conftest.keys_folder,
    conftest.token,
    conftest.tokens_folder,
    conftest.vault,
)
SECRETS = ("Zephyrine Quillfeather", "Quillfeather", "XK-4711-22", "her cousin Barnabus")


def files_with(marks, *folders):
    """Return which of some byte strings are found in any file of some folders."""
    found = set()
    for folder in folders:
        for path in Path(folder).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                found |= {mark for mark in marks if mark in data}
    return found


def written(texts):
    """Return the ways in which a text may stand in a file."""
    return {way for text in texts for way in (text.encode(), text.encode("utf-16-le"), text.encode().hex().encode())}


@pytest.fixture
def lived(vault, keys_folder):
    """Somebody who was enrolled, found, opened, corrected, moved to a new epoch; gives their id."""
    colleague = Colleague("paris", "counsellor", "supervisor")
    enrolled = colleague.enrols(SECRETS[0], note="Lives with her cousin Barnabus.")
    assert queries.search(colleague.secret, "Quillfeather").found
    with colleague.looks(enrolled.person, "names", "notes", "documents") as opened:
        assert "Barnabus" in str(opened.groups)
    task = colleague.task(enrolled.person)
    with colleague.acting():
        operations.correct(task, "names", file_data(SECRETS[0] + " Junior")["names"], version=1, at=NOW)
    epochs.rewrap(epochs.begin())
    return colleague, enrolled.person


def flush():
    home = embedded.Home(settings.WAYFARE_HOME)
    with psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True) as superuser:
        superuser.execute("checkpoint")
    return home


def test_no_plaintext_is_in_the_cluster_its_journal_or_its_log(lived):
    _, person = lived
    home = flush()
    assert files_with(written(SECRETS), home.folder) == set()
    # the control: what is not sealed is found, in the tables and in the journal
    assert files_with({person.bytes}, home.data / "base") == {person.bytes}
    assert files_with({person.bytes}, home.data / "pg_wal") == {person.bytes}


def test_the_scan_finds_a_name_that_somebody_wrote_unsealed(vault):
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner:
        owner.execute("create table careless (name text)")
        owner.execute("insert into careless values ('Ermintrude Applewhistle')")
    name = b"Ermintrude Applewhistle"
    assert files_with({name}, flush().folder) == {name}


def test_a_dump_holds_no_plaintext_before_and_no_key_after_erasure(lived, vault, keys_folder):
    _, person = lived

    def dump():
        done = subprocess.run(
            [str(embedded.binaries() / "pg_dump"), "--data-only", vault("wayfare_owner")],
            capture_output=True,
            check=True,
        )
        return done.stdout

    before = dump()
    assert not any(way in before for way in written(SECRETS))
    ((wrapped,),) = wrapped_keys(vault, person)
    assert bytes(wrapped).hex().encode() in before
    erased(person, Colleague("paris", "supervisor"))
    after = dump()
    assert bytes(wrapped).hex().encode() not in after

    def bytes_of(data):
        return [line for line in data.decode().splitlines() if str(person) in line and "\\\\x" in line]

    assert len(bytes_of(before)) > 10
    assert bytes_of(after) == []  # no key, sealed value, token or mark: codes and times only


def wrapped_keys(vault, person: UUID):
    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute("select wrapped from people_key where person = %s", [person]).fetchall()


def test_no_plaintext_is_in_temporary_files(lived):
    """Nothing of ours writes a file while it opens; what others left in the folder is not ours to read."""
    colleague, person = lived
    with tempfile.TemporaryDirectory() as folder:
        before = tempfile.tempdir
        tempfile.tempdir = folder
        try:
            with colleague.looks(person, "names"):
                assert list(Path(folder).iterdir()) == []
        finally:
            tempfile.tempdir = before


WORDS = "Quillfeather telephoned about the flat in Rue Ermintrude"


@pytest.fixture
def every_statement_is_logged(vault):
    """The server logs each statement of the test's own database, however short."""
    name = vault("wayfare_owner").split("dbname=")[1].split()[0]
    home = embedded.Home(settings.WAYFARE_HOME)
    with psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True) as superuser:
        superuser.execute(f"alter database {name} set log_min_duration_statement = 0")
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].close_pool()
    return home


def said_in_logs(home):
    return "".join(path.read_text(errors="replace") for path in home.folder.glob("postgresql.log*"))


def test_words_are_in_no_log_though_every_statement_is_logged(vault, keys_folder, every_statement_is_logged, caplog):
    home = every_statement_is_logged
    colleague = Colleague("paris", "counsellor", "supervisor")
    person = colleague.enrols(SECRETS[0]).person
    with colleague.acting():
        task = access.take_up(colleague.id, person, "support_at_request", reason=WORDS, at=NOW)
        operations.opened(task, ["names"])
    assert queries.search(colleague.secret, "Quillfeather").found
    with pytest.raises(IntegrityError), colleague.acting(), connection.cursor() as cursor:
        cursor.execute(
            "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason)"
            " values (gen_random_uuid(), 'case_work', %s, %s, now(), now() - interval '1 hour', '', %s)",
            [person, colleague.id, WORDS],
        )
    said = said_in_logs(home)
    assert "insert into access_task" in said, "the control: the statements are there"
    assert "Quillfeather" not in said
    assert "Quillfeather" not in caplog.text
    with psycopg.connect(vault("wayfare_app"), cursor_factory=psycopg.ClientCursor) as old:  # as it was bound before
        old.execute("select %s", ["Barnabus of the old way"])
    assert "Barnabus of the old way" in said_in_logs(home)


def test_what_keeps_words_after_an_erasure(vault, keys_folder):
    """docs/vault.md, What logs and backups keep: words are gone from the tables, and stay in the journal for a time."""
    colleague = Colleague("paris", "counsellor", "supervisor")
    person = colleague.enrols(SECRETS[0]).person
    with colleague.acting():
        access.take_up(colleague.id, person, "support_at_request", reason=WORDS, at=NOW)
    dump = [str(embedded.binaries() / "pg_dump"), "--data-only", vault("wayfare_owner")]
    assert WORDS.encode() in subprocess.run(dump, capture_output=True, check=True).stdout, "the control"
    erased(person, Colleague("paris", "supervisor"))
    assert WORDS.encode() not in subprocess.run(dump, capture_output=True, check=True).stdout
    home = flush()
    assert files_with({WORDS.encode()}, home.data / "pg_wal") == {WORDS.encode()}
    assert files_with({WORDS.encode()}, home.data / "base" / "pgsql_tmp", home.data / "pg_stat_tmp") == set()


def test_statements_that_fail_tell_no_plaintext(vault, keys_folder, caplog):
    """What a database refuses is logged with its parameters at most: those are sealed before they are sent."""
    with pytest.raises(Exception, match="not_yours") as refused, access.acting(""):
        operations.enrol(file_data(SECRETS[0]), at=NOW)
    assert "Quillfeather" not in str(refused.value)
    assert "Quillfeather" not in caplog.text
    assert connection is not None

"""What a log publishes is written with the door's key: the application's password alone replaces nothing of it."""

from __future__ import annotations

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from tests.test_log_doors import record
from tests.test_log_page import held_in
from wayfare.access import door, keyfiles
from wayfare.ledger.source import LEDGER
from wayfare.tlog import keys, queries, writers
from wayfare.tlog import operations as log

REFUSED = (ProgrammingError, InternalError)
WRITES = {
    "retire the keys": "update log_key set retired = now() where retired is null",
    "a key of one's own": "insert into log_key (verifier, log, since) values ('mine+00000000+AAAA', 'ledger', now())",
    "a checkpoint": "insert into log_checkpoint (log, size, note, at) values ('ledger', 99999999, 'mine', now())",
    "a head": "update log_head set size = size + 1 where log = 'ledger'",
    "a tile": "insert into log_tile (log, level, number, hashes) values ('ledger', 0, 99, decode(repeat('00', 32), 'hex'))",
    "a bundle": "insert into log_bundle (log, number, commitments, nonces) values ('ledger', 99, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))",
    "a cosignature": "insert into log_cosignature (log, size, witness, line) values ('ledger', 1, 'mine', 'x')",
}


@pytest.fixture
def grown(db, tmp_path):
    """A log of one entry, signed."""
    held = held_in(tmp_path / "keys")
    record(1)
    log.keep_up(LEDGER, held)
    return held


def attempt(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("name", WRITES)
def test_the_application_s_role_writes_nothing_that_a_log_publishes(grown, name):
    before = queries.signed_size("ledger"), queries.keys("ledger")
    with pytest.raises(REFUSED, match="no_door"):
        attempt(WRITES[name])
    assert (queries.signed_size("ledger"), queries.keys("ledger")) == before


@pytest.mark.parametrize("name", WRITES)
def test_control_with_the_door_open_each_statement_gets_through(grown, name):
    with transaction.atomic():
        with door.door(), connection.cursor() as cursor:
            cursor.execute(WRITES[name])
            assert cursor.rowcount > 0
        transaction.set_rollback(True)


def test_without_the_door_s_key_nothing_is_signed_and_the_log_s_process_is_told(grown, tmp_path, monkeypatch):
    record(1)
    monkeypatch.setattr(keyfiles, "path_of", lambda name: tmp_path / "away" / name)
    with pytest.raises(keys.KeyProblem, match="away"):
        log.keep_up(LEDGER, grown)
    monkeypatch.undo()
    assert log.keep_up(LEDGER, grown).size == 2


def test_a_transaction_that_wrote_a_log_does_not_go_on_with_the_door_open(grown):
    with transaction.atomic():
        with writers.writing():
            pass
        with pytest.raises(REFUSED, match="no_door"):
            attempt(WRITES["retire the keys"])

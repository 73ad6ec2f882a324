"""`log verify` recomputes a log from the rows and names the first position that differs, whatever was changed behind it."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from django.db import connections

from tests.test_append import returned
from wayfare.departures import operations as departures
from wayfare.ledger import operations as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.models import LedgerEntry
from wayfare.ledger.source import LEDGER, columns_differ
from wayfare.ledger.verify import differences
from wayfare.statistics.tests.histories import PROGRAMMES, history
from wayfare.tlog import keys, operations
from wayfare.tlog.verify import verified

SIZE = 700


@pytest.fixture
def logged(fresh_database, tmp_path):
    """A ledger of 700 entries with its log, and the owner's hand with the guards taken off."""
    ledger.append([returned() for _ in range(SIZE)])
    operations.keep_up(LEDGER, keys.opened(tmp_path / "keys", "log.example/ledger"))
    with connections["owner"].cursor() as owner:
        for table in ("ledger_entry", "log_head", "log_tile", "log_bundle", "log_checkpoint"):
            owner.execute(f"alter table {table} disable trigger user")
            owner.execute(f"create table kept_{table} as select * from {table}")
        yield owner


TABLES = ("ledger_entry", "log_head", "log_tile", "log_bundle", "log_checkpoint")


def restore(owner):
    for table in TABLES:
        owner.execute(f"delete from {table}")
        owner.execute(f"insert into {table} select * from kept_{table}")


def test_a_good_log_is_recomputed_whole(logged):
    heard: list[int] = []
    found = verified(LEDGER, tell=heard.append)
    assert found == (SIZE, SIZE, [])
    assert heard[-1] == SIZE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update ledger_entry set body = replace(body, 'desk', 'desc') where position = 300", "position 300 differs"),
        ("update log_bundle set nonces = overlay(nonces placing '\\x00' from 33) where number = 1", "position 258 differs"),
        ("update log_bundle set commitments = overlay(commitments placing '\\x00' from 1) where number = 2", "position 513 differs"),
        ("update log_tile set hashes = overlay(hashes placing '\\x00' from 1) where level = 0 and number = 1", "position 257 is the first under"),
        ("update log_tile set hashes = overlay(hashes placing '\\x00' from 33) where level = 1", "position 257 is the first under"),
        ("delete from log_tile where level = 1", "position 1 is the first under"),
        ("delete from log_bundle where number = 1", "position 257 is the first that is missing"),
        ("delete from log_bundle where number = 2", "position 513 is the first that is missing"),
        ("delete from ledger_entry where position = 700", "position 700 is committed to, and is no more"),
        ("update log_head set root = decode(repeat('00', 32), 'hex')", "the root of the log"),
        ("update log_head set size = 701", "position 701 is the first that is missing"),
        ("insert into log_tile values ('ledger', 5, 0, decode(repeat('00', 32), 'hex'))", "hold 703 hashes, not 702"),
        ("update log_tile set hashes = hashes || decode(repeat('00', 32), 'hex') where level = 0 and number = 2", "hold 703 hashes"),
        ("update log_bundle set (commitments, nonces) = (commitments || root, nonces || root) from log_head where number = 2", "of 700 leaves holds 701"),
        ("insert into log_bundle select log, 9, commitments, nonces from log_bundle where number = 1", "of 700 leaves holds 956"),
        ("update log_head set size = 699", "the root of the log"),
        ("update log_checkpoint set note = replace(note, '700', '699')", "the latest checkpoint does not hold"),
        ("update log_checkpoint set note = 'nonsense'", "the latest checkpoint does not hold"),
    ],
)  # fmt: skip
def test_each_change_is_named(logged, change, said):
    logged.execute(change)
    found = verified(LEDGER).differences
    assert any(said in line for line in found), found
    restore(logged)
    assert verified(LEDGER).differences == []


COLUMNS = {
    "entry_id": "entry_id = gen_random_uuid()",
    "kind": "kind = 'enrolled'",
    "occurred_at": "occurred_at = occurred_at - interval '2 years'",
    "source": "source = 'elsewhere'",
    "subject or object": "subject = gen_random_uuid()",
    "digest": "digest = sha256('')",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_is_not_what_the_committed_text_says_is_named(logged, column):
    logged.execute(f"update ledger_entry set {COLUMNS[column]} where position in (300, 301)")
    (said,) = verified(LEDGER).differences
    assert column in said
    assert "of position 300 is not what its text says, and so at 1 more positions" in said
    assert any(column in one for one in differences()[1])
    restore(logged)
    assert verified(LEDGER).differences == []


def test_every_column_but_the_instant_of_recording_is_compared():
    covered = {name for names in COLUMNS for name in names.split(" or ")}
    assert covered | {"position", "body", "recorded_at"} == {field.name for field in LedgerEntry._meta.get_fields()}


@pytest.mark.parametrize(
    "change",
    [
        "object = gen_random_uuid() where kind = 'persons_linked'",
        "subject = object, object = subject where kind = 'persons_linked'",
        "object = gen_random_uuid() where kind = 'departure_registered'",
        "object = subject where kind = 'returned'",
        "subject = gen_random_uuid() where kind = 'departure_confirmed'",
    ],
)
def test_references_of_every_kind_are_compared_with_the_text(fresh_database, change):
    for p in PROGRAMMES.values():
        departures.add_programme(p.key, p.title, p.country, p.timezone, p.counts_from)
    intake.record(history(1, 8, 200), now=datetime(2026, 11, 24, tzinfo=UTC))
    assert list(columns_differ()) == []
    with connections["owner"].cursor() as owner:
        owner.execute("alter table ledger_entry disable trigger user")
        owner.execute(f"update ledger_entry set {change}")
        assert owner.rowcount
    (said,) = columns_differ()
    assert said.startswith("subject or object of position")


def test_a_head_that_was_signed_by_another_key_or_of_another_tree_is_told(logged, tmp_path):
    stranger = keys.opened(tmp_path / "stranger", "log.example/ledger")
    assert verified(LEDGER, stranger.verifiers).differences == [
        "the latest checkpoint does not hold: the note has no signature by a key that is known here"
    ]


def test_a_log_that_grows_while_it_is_verified_is_verified_as_it_was(logged, tmp_path):
    held = keys.opened(tmp_path / "keys", "log.example/ledger")

    def bodies(after, limit):
        ledger.append([returned() for _ in range(300)])
        assert operations.keep_up(LEDGER, held) is not None
        return LEDGER.bodies(after, limit)

    assert verified(LEDGER._replace(bodies=bodies)) == (SIZE, SIZE, [])
    assert verified(LEDGER) == (SIZE + 300, SIZE + 300, [])


def mutate(owner, chance):
    """Change one byte of what is stored, anywhere."""
    table, column, where = chance.choice(
        [
            ("ledger_entry", "body", f"position = {chance.randint(1, SIZE)}"),
            ("log_bundle", "nonces", f"number = {chance.randint(0, 2)}"),
            ("log_bundle", "commitments", f"number = {chance.randint(0, 2)}"),
            ("log_tile", "hashes", f"level = 0 and number = {chance.randint(0, 2)}"),
            ("log_tile", "hashes", "level = 1"),
            ("log_head", "root", "true"),
        ]
    )
    at = f"1 + (({chance.random()} * (length({column}) - 1))::int)"
    if column == "body":
        new = f"overlay({column} placing case substring({column} from {at} for 1) when 'x' then 'y' else 'x' end from {at} for 1)"
    else:
        new = f"set_byte({column}, {at} - 1, get_byte({column}, {at} - 1) # {1 << chance.randrange(8)})"
    owner.execute(f"update {table} set {column} = {new} where {where}")
    return f"{table}.{column} {where}"


@pytest.mark.parametrize("count", [40, pytest.param(600, marks=pytest.mark.slow)])
def test_every_byte_that_is_changed_in_the_database_is_found(logged, count):
    chance, missed = random.Random(5), []
    for _ in range(count):
        done = mutate(logged, chance)
        if not verified(LEDGER).differences:
            missed.append(done)
        table = done.partition(".")[0]
        logged.execute(f"delete from {table}")
        logged.execute(f"insert into {table} select * from kept_{table}")
    assert missed == []
    assert verified(LEDGER).differences == []

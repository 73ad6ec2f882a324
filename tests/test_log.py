"""A log over real PostgreSQL: it grows in commit order, signs only what is there, and never forks."""

from __future__ import annotations

import stat
from hashlib import sha256

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tests.load import Watcher
from tests.test_append import returned
from wayfare.ledger import operations as ledger
from wayfare.ledger import source
from wayfare.tlog import keys, merkle, notes, operations, parts, queries, tiles
from wayfare.tlog.operations import WouldFork
from wayfare.tlog.parts import Source
from wayfare.tlog.queries import NotPublished
from wayfare.tlog.writers import writing


def append(number):
    ledger.append([returned() for _ in range(number)])


def of(bodies, log="test"):
    """Return a source over a list."""
    return Source(log, lambda after, limit: bodies[after : after + limit])


@pytest.fixture
def held(tmp_path):
    return keys.opened(tmp_path / "keys", "log.example/test")


def latest(log="test"):
    note = queries.latest(log)
    assert note is not None
    return note


def keep_up(source, held):
    checkpoint = operations.keep_up(source, held)
    assert checkpoint is not None
    return checkpoint


def checked(log, verifiers):
    """Return the published checkpoint after checking signatures, and that the tiles lead to it."""
    note = latest(log)
    assert len(notes.verify(note, verifiers)) >= len(verifiers)
    checkpoint = notes.parse_checkpoint(note.text)
    nodes = tiles.TileNodes(lambda tile: queries.published_tile(log, tile), checkpoint.size)
    assert merkle.range_root(0, checkpoint.size, nodes) == checkpoint.root
    return checkpoint


@pytest.mark.django_db
@pytest.mark.parametrize("steps", [[1], [255, 1, 1], [256, 256], [700, 3], [65_536 - 1, 2]])
def test_what_is_published_is_the_tree_of_commitments(held, steps):
    bodies: list[bytes] = []
    for step in steps:
        bodies += [b"body %d" % n for n in range(len(bodies), len(bodies) + step)]
        assert keep_up(of(bodies), held).size == len(bodies)
    checkpoint = checked("test", held.verifiers)
    assert checkpoint.size == len(bodies)
    assert checkpoint.origin == "log.example/test"
    entries = []
    for bundle in range(-(-len(bodies) // 256)):
        whole = tiles.holding(0, bundle, len(bodies))._replace(level=None)
        entries += tiles.entries_in(queries.published_tile("test", whole), whole)
    for index in {0, len(bodies) // 2, len(bodies) - 1}:
        nonce = queries.nonce("test", index)
        assert entries[index] == sha256(nonce + bodies[index]).digest()
        proof = notes.parse_proof(str(queries.receipt("test", index, bodies[index])).encode())
        leaf = merkle.leaf_hash(sha256(proof.extra or b"").digest())
        merkle.check_inclusion(leaf, index, 0, len(bodies), proof.hashes, checkpoint.root)
    edge = tiles.Edge()
    edge.extend([merkle.leaf_hash(entry) for entry in entries])
    assert edge.root() == checkpoint.root
    old = sum(steps[:-1])
    if old:
        hashes = queries.consistency("test", old, len(bodies))
        note = queries.checkpoint_of("test", old)
        assert note is not None
        earlier = notes.parse_checkpoint(note.text)
        merkle.check_consistency(old, len(bodies), hashes, earlier.root, checkpoint.root)


@pytest.mark.django_db
def test_equal_bodies_have_unlike_leaves_and_nonces_are_random(held):
    operations.keep_up(of([b"same"] * 600), held)
    stored = queries.leaves("test", 0, 600)
    assert len({*parts.cut(stored.commitments), *parts.cut(stored.nonces)}) == 1200


@pytest.mark.django_db
def test_nothing_new_is_nothing_signed(held):
    bodies = [b"one"]
    assert operations.keep_up(of(bodies), held) is not None
    assert operations.keep_up(of(bodies), held) is None
    assert operations.grow(of(bodies)) == 0


@pytest.mark.django_db
def test_what_is_not_signed_yet_is_not_served(held):
    bodies = [b"%d" % n for n in range(300)]
    operations.keep_up(of(bodies[:200]), held)
    operations.grow(of(bodies))
    assert len(queries.published_tile("test", tiles.Tile(0, 0, 200))) == 200 * 32
    for tile in (
        tiles.Tile(0, 0, 201),
        tiles.Tile(0, 0),
        tiles.Tile(0, 1, 44),
        tiles.Tile(1, 0, 1),
        tiles.Tile(None, 1, 1),
    ):
        with pytest.raises(NotPublished):
            queries.published_tile("test", tile)
    with pytest.raises(NotPublished):
        queries.receipt("test", 250, bodies[250])
    operations.sign("test", held)
    assert len(queries.published_tile("test", tiles.Tile(0, 0))) == 8192


@pytest.mark.django_db
def test_the_ledger_is_logged_position_by_position(held):
    append(5)
    operations.keep_up(source.LEDGER, held)
    append(3)
    operations.keep_up(source.LEDGER, held)
    assert checked(source.LEDGER.log, held.verifiers).size == 8
    bodies = source.LEDGER.bodies(0, 100)
    for index, body in enumerate(bodies):
        assert merkle.leaf_hash(sha256(queries.nonce("ledger", index) + body).digest()) == queries.nodes("ledger", 8)(
            0, index
        )


@pytest.mark.django_db
def test_a_database_older_than_its_last_word_is_not_signed_over(held, tmp_path):
    """As after a restore of last night's backup: the log goes on only if it is the same log."""
    bodies = [b"%d" % n for n in range(10)]
    with transaction.atomic():
        operations.keep_up(of(bodies), held)
        transaction.set_rollback(True)  # the database forgets, the folder of the keys does not
    with pytest.raises(WouldFork, match="ends at 6, but 10 was signed"):
        with transaction.atomic():
            operations.keep_up(of(bodies[:6]), held)
    with pytest.raises(WouldFork, match="differs within the first 10"):
        with transaction.atomic():
            operations.keep_up(of([*bodies, b"more"]), held)  # the same bodies under other nonces: another tree
    assert queries.latest("test") is None
    (held.folder / "last").unlink()
    with transaction.atomic():  # the control: without the last word kept apart, the fork is signed
        assert keep_up(of([*bodies, b"more"]), held).size == 11
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "update log_tile set hashes = decode(repeat('00', 32), 'hex')",
        "update log_tile set hashes = substring(hashes from 1 for 32)",
        "update log_tile set number = number + 1",
        "delete from log_tile",
        "truncate log_tile",
        "update log_bundle set nonces = decode(repeat('00', length(nonces)), 'hex')",
        "delete from log_bundle",
        "update log_head set size = size - 1",
        "update log_head set root = decode(repeat('00', 32), 'hex')",
        "delete from log_head",
        "update log_checkpoint set note = 'x'",
        "delete from log_checkpoint",
        "update log_key set verifier = 'x'",
        "delete from log_key",
    ],
)
def test_the_database_itself_refuses_to_change_what_is_published(held, statement):
    """To the owner by trigger; the application has not even the right to delete."""
    operations.keep_up(of([b"%d" % n for n in range(40)]), held)
    with pytest.raises(DatabaseError) as refused, writing(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert "log_only_grows" in str(refused.value) or "permission denied" in str(refused.value)


def test_keys_are_made_once_tight_and_rotated(tmp_path):
    folder = tmp_path / "keys"
    first = keys.opened(folder, "log.example/a")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert keys.opened(folder, "other/name").verifiers == first.verifiers
    first.remember("a word")
    second = keys.rotated(folder)
    assert second.name == "log.example/a"
    assert second.last() == b"a word"
    assert not set(map(str, second.verifiers)) & set(map(str, first.verifiers))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys"]
    folder.chmod(0o750)
    with pytest.raises(keys.KeyProblem, match="open to others"):
        keys.opened(folder, "")
    folder.chmod(0o700)
    (folder / "note.pem").write_text("nonsense")
    with pytest.raises(keys.KeyProblem, match="cannot be read"):
        keys.opened(folder, "")
    with pytest.raises(keys.KeyProblem, match="cannot name a log"):
        keys.opened(tmp_path / "new", "a name with spaces")


@pytest.mark.django_db
def test_a_rotation_is_recorded_and_old_checkpoints_still_verify(held):
    operations.keep_up(of([b"one"]), held)
    before = latest()
    new = keys.rotated(held.folder)
    operations.keep_up(of([b"one", b"two"]), new)
    found = {one.verifier: one.retired for one in queries.keys("test")}
    assert {str(verifier): found[str(verifier)] is None for verifier in (*held.verifiers, *new.verifiers)} == {
        **{str(verifier): False for verifier in held.verifiers},
        **{str(verifier): True for verifier in new.verifiers},
    }
    notes.verify(before, [notes.parse_verifier(one) for one in found])
    with pytest.raises(notes.Unverified):
        notes.verify(latest(), held.verifiers)


@pytest.mark.django_db
def test_the_reader_role_sees_what_is_public_and_no_nonce(held):
    operations.keep_up(of([b"one"]), held)
    with connection.cursor() as cursor:
        cursor.execute(
            "select has_column_privilege('wayfare_reader', 'log_bundle', 'commitments', 'select'),"
            " has_column_privilege('wayfare_reader', 'log_bundle', 'nonces', 'select')"
        )
        assert cursor.fetchone() == (True, False)


def test_control_the_watcher_of_the_kills_notices_a_fork_and_what_is_not_there(fresh_database, held):
    """The same log passes; the database begun anew, with its last word forgotten, does not; nor does a tile that changed."""
    bodies = [b"%d" % n for n in range(300)]
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        watcher = Watcher(None)
        for size in (10, 20):
            operations.keep_up(of(bodies[:size], "ledger"), held)
            watcher.look(owner)
        assert (len(watcher.seen), watcher.found) == (2, [])
        tables = ("head", "tile", "bundle", "checkpoint")
        for table in tables:
            owner.execute(f"alter table log_{table} disable trigger user; delete from log_{table}")
        (held.folder / "last").unlink()
        operations.keep_up(of(bodies[:30], "ledger"), held)
        watcher.look(owner)
        assert [found.partition(":")[2] for found in watcher.found] == [
            " at 30: the consistency proof leads to another older root"
        ]
        operations.keep_up(of(bodies, "ledger"), held)
        owner.execute("update log_tile set hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) where level = 1")
        watcher.look(owner)
        assert "log: signed at 300, and not there" in watcher.found

"""The log over HTTP: an auditor that has nothing but the address can check all of it."""

from __future__ import annotations

import re
import uuid
from hashlib import sha256

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from wayfare.access import operations as access
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.source import LEDGER
from wayfare.tlog import keys, merkle, notes, queries, tiles
from wayfare.tlog import operations as log
from wayfare.tlog.writers import writing

NAME = "wayfare.example/ledger"


def returned() -> dict[str, str]:
    given = {"entry_id": str(uuid.uuid4()), "kind": "returned", "occurred_at": "2026-07-01T10:00:00Z"}
    return given | {"source": "office", "person": str(uuid.uuid4())}


def record(number: int) -> None:
    assert {one.status for one in intake.record([returned() for _ in range(number)])} == {"accepted"}


@pytest.fixture
def held(db, tmp_path) -> keys.Keys:
    return keys.opened(tmp_path / "keys", NAME)


@pytest.fixture
def anyone(db) -> Client:
    return Client(HTTP_HOST="localhost")


@pytest.fixture
def reader(db) -> Client:
    _, secret = access.issue_token(source="office", scopes=("ledger:own",), at=timezone.now())
    return Client(HTTP_HOST="localhost", HTTP_AUTHORIZATION=f"Bearer {secret}")


def fetched(client: Client, path: str) -> bytes:
    response = client.get(f"/log/{path}")
    assert response.status_code == 200, path
    return response.content


def signing(client: Client) -> list[notes.Verifier]:
    lines = fetched(client, "keys").decode().splitlines()
    return [notes.parse_verifier(line) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("size", [1, 256, 700])
def test_all_of_the_log_is_checked_over_http(held, anyone, reader, size):
    record(size)
    log.keep_up(LEDGER, held)
    note = notes.parse_note(fetched(anyone, "checkpoint"))
    assert len(notes.verify(note, signing(anyone))) == 2
    head = notes.parse_checkpoint(note.text)
    assert (head.origin, head.size) == (NAME, size)
    edge = tiles.Edge()
    for number in range(-(-size // tiles.WIDTH)):
        bundle = tiles.holding(0, number, size)._replace(level=None)
        edge.extend([merkle.leaf_hash(one) for one in tiles.entries_in(fetched(anyone, bundle.path()), bundle)])
    assert edge.root() == head.root
    nodes = tiles.TileNodes(lambda tile: fetched(anyone, tile.path()), size)
    assert merkle.range_root(0, size, nodes) == head.root
    for entry in ledger.entries(size - 1, 1):
        answer = reader.get(f"/api/v1/ledger/entries/{entry.position}/receipt")
        proof = notes.parse_proof(answer.content)
        assert proof.extra is not None
        assert proof.extra[32:] == entry.body.encode()
        leaf = merkle.leaf_hash(sha256(proof.extra).digest())
        merkle.check_inclusion(leaf, size - 1, 0, size, proof.hashes, head.root)


def test_tiles_are_those_of_the_log_and_may_be_kept_for_ever(held, anyone):
    record(300)
    log.keep_up(LEDGER, held)
    for tile in (*tiles.tiles_of(300), tiles.Tile(0, 0, 7), tiles.Tile(None, 0), tiles.Tile(None, 1, 44)):
        answer = anyone.get(f"/log/{tile.path()}")
        assert answer.content == queries.published_tile("ledger", tile)
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert anyone.head(f"/log/{tile.path()}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "0/001",
        "0/001.p/45",
        "entries/001",
        "0/0",
        "0/x000/000",
        "1/000",
        "64/000",
        "0/000.p/256",
        "0/000.p/0",
        "x",
        "-1/000",
    ],
)
def test_what_is_no_tile_or_is_not_published_is_not_found_and_not_kept(held, anyone, path):
    record(300)
    log.keep_up(LEDGER, held)
    record(300)
    log.grow(LEDGER)
    answer = anyone.get(f"/log/tile/{path}")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert re.search(r"not (in|the)", answer.content.decode())


def test_before_the_first_checkpoint_there_is_nothing_to_check(anyone, reader):
    record(1)
    assert anyone.get("/log/checkpoint").status_code == 404
    assert anyone.get("/log/tile/0/000.p/1").status_code == 404
    assert (anyone.get("/log/keys").status_code, anyone.get("/log/keys").content) == (200, b"")
    answer = reader.get("/api/v1/ledger/entries/1/receipt")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_checkpoint_is_fresh_and_has_the_words_of_witnesses(held, anyone, tmp_path):
    record(2)
    log.keep_up(LEDGER, held)
    witness = keys.opened(tmp_path / "witness", "witness.example")
    note = notes.parse_note(fetched(anyone, "checkpoint"))
    signature = witness.signers[1].sign(note.text, 1_800_000_000)
    with writing(), connection.cursor() as cursor:
        cursor.execute(
            "insert into log_cosignature (log, size, witness, line) values ('ledger', 2, %s, %s)",
            [witness.name, signature.line()],
        )
    answer = anyone.get("/log/checkpoint")
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    found = notes.verify(notes.parse_note(answer.content), [*held.verifiers, witness.verifiers[1]])
    assert [one.by.name for one in found] == [NAME, NAME, "witness.example"]


def test_keys_that_sign_no_more_are_comments(held, anyone):
    record(1)
    log.keep_up(LEDGER, held)
    rotated = keys.rotated(held.folder)
    record(1)
    log.keep_up(LEDGER, rotated)
    assert set(signing(anyone)) == set(rotated.verifiers)
    lines = fetched(anyone, "keys").decode().splitlines()
    assert [line.split(" ")[1] for line in lines[2:]] == ["retired", "retired"]
    assert {line.split(" ")[4] for line in lines[2:]} == {str(verifier) for verifier in held.verifiers}


def test_a_receipt_is_a_file_for_who_may_read(held, reader):
    record(3)
    log.keep_up(LEDGER, held)
    record(1)
    answer = reader.get("/api/v1/ledger/entries/3/receipt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="wayfare-entry-3.tlog-proof"'
    assert answer.headers["Cache-Control"] == "no-store"
    for position in ("4", "5", "0", "x", "-1", "1.0", str(2**63)):
        refused = reader.get(f"/api/v1/ledger/entries/{position}/receipt")
        assert (refused.status_code, refused.headers["Content-Type"]) == (404, "application/problem+json"), position
    assert reader.get("/api/v1/ledger/entries/3/receipt?x=1").status_code == 422

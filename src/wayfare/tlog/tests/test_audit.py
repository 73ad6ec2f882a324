"""An audit from outside finds whatever is wrong with a log, and says what it found; the harness is shown to miss."""

from __future__ import annotations

import random
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wayfare.tlog import audit, files, merkle, notes, tiles
from wayfare.tlog.audit import Untrue
from wayfare.tlog.files import Unreadable
from wayfare.tlog.notes import NOTE_ED25519, Checkpoint, Ed25519Signer

LOG = Ed25519Signer("log.example/ledger", NOTE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Ed25519Signer("log.example/ledger", NOTE_ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
FOUND = (Untrue, Unreadable, notes.Malformed, notes.Unverified)
SIZES = (1_000, 1_500, 1_700)


def entries(size, seed=1):
    chance = random.Random(seed)
    return [chance.randbytes(32) for _ in range(size)]


def publish(folder, leaves, signer=LOG, origin="log.example/ledger"):
    """Write a log of leaves as the files of its whole tree."""
    edge = tiles.Edge()
    store = edge.extend([merkle.leaf_hash(one) for one in leaves])
    for tile in tiles.tiles_of(len(leaves)):
        files._put(folder / tile.path(), store[tile.level, tile.number])
        if tile.level == 0:
            data = tiles.bundle(leaves[tile.number * 256 : tile.number * 256 + tile.width])
            files._put(folder / tile._replace(level=None).path(), data)
    text = Checkpoint(origin, edge.size, edge.root()).text()
    files._put(folder / "checkpoint", str(notes.signed_note(text, [signer], 0)).encode())


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Return one log at three sizes, and another that forks from it after the first 1,200 leaves."""
    folder = tmp_path_factory.mktemp("logs")
    leaves = entries(SIZES[-1])
    for size in SIZES:
        publish(folder / str(size), leaves[:size])
    publish(folder / "fork", [*leaves[:1_200], *entries(500, seed=2)])
    return folder


def audited(folder, state=None, signer=LOG):
    return audit.audit(files.reader(str(folder)), [signer.verifier], state=state)


def test_a_good_log_is_borne_out_and_followed(logs, tmp_path):
    state = tmp_path / "state"
    assert [audited(logs / str(size), state).before for size in SIZES] == [0, *SIZES[:-1]]
    assert audited(logs / "1700", state).before == 1_700
    said = audit.said(audited(logs / "1700", state), "there", 0)
    assert "bears out its checkpoint of 1700 leaves" in said
    assert "Not proved:" in said


@pytest.mark.parametrize(
    ("first", "then", "code"), [("1700", "1500", "rollback"), ("1500", "fork", "fork"), ("1700", "fork", "fork")]
)
def test_rollback_and_fork_are_found_by_who_was_there_before(logs, tmp_path, first, then, code):
    state = tmp_path / "state"
    audited(logs / first, state)
    before = state.read_bytes()
    with pytest.raises(Untrue) as found:
        audited(logs / then, state)
    assert found.value.code == code
    assert audited(logs / then).before == 0  # the control: who comes for the first time cannot see it
    assert (state.read_bytes() == before) or code == "fork"
    audited(logs / "1700", state)


def test_an_audit_that_was_broken_off_goes_on_and_may_meet_a_longer_log(logs, tmp_path, monkeypatch):
    monkeypatch.setattr(audit, "_SAVE_EVERY", 1)
    state = tmp_path / "state"
    audited(logs / "1000", state)
    read, asked = files.reader(str(logs / "1500")), []

    def breaking(path):
        asked.append(path)
        if path == "tile/entries/005.p/220":
            raise Unreadable("the line went dead")
        return read(path)

    with pytest.raises(Unreadable):
        audit.audit(breaking, [LOG.verifier], state=state)
    assert audit.State.load(state).edge.size == 1_280
    seen: list[str] = []
    again = files.reader(str(logs / "1700"))

    def noting(path):
        seen.append(path)
        return again(path)

    assert audit.audit(noting, [LOG.verifier], state=state).before == 1_000
    assert "tile/entries/000" not in seen
    assert "tile/entries/005" in seen


def test_what_was_read_of_a_longer_log_is_not_held_against_a_shorter_one(logs, tmp_path):
    """Broken off within 1,700, an audit meets a checkpoint of 1,500: it begins anew, and sees the same 1,000 first."""
    state = tmp_path / "state"
    audited(logs / "1000", state)
    known = audit.State.load(state)
    longer = tiles.Edge()
    longer.extend([merkle.leaf_hash(one) for one in entries(1_700)[:1_600]])
    known._replace(edge=longer).save(state)
    assert audited(logs / "1500", state).before == 1_000
    known._replace(edge=longer, root=bytes(32)).save(state)
    with pytest.raises(Untrue) as found:
        audited(logs / "1500", state)
    assert found.value.code == "fork"


def test_another_log_or_key_or_state_is_refused(logs, tmp_path):
    state = tmp_path / "state"
    with pytest.raises(notes.Unverified):
        audited(logs / "1500", signer=OTHER)
    publish(tmp_path / "elsewhere", entries(300), origin="log.example/other")
    with pytest.raises(Untrue) as found:
        audited(tmp_path / "elsewhere")
    assert found.value.code == "origin"
    for nonsense in ("", "[]", "{}", '{"origin": 1}'):
        state.write_text(nonsense)
        with pytest.raises(ValueError, match="not the state of an audit"):
            audited(logs / "1500", state)
    with pytest.raises(Unreadable, match="checkpoint"):
        audited(tmp_path / "nowhere")


def test_a_quorum_of_witnesses_is_counted_by_name(logs, tmp_path):
    shutil.copytree(logs / "1500", tmp_path / "log")
    note = notes.parse_note((tmp_path / "log" / "checkpoint").read_bytes())
    witnesses = [
        Ed25519Signer(f"w.example/{n}", 4, Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)) for n in (1, 2)
    ]
    signed = note._replace(signatures=[*note.signatures, witnesses[0].sign(note.text, 5)])
    (tmp_path / "log" / "checkpoint").write_text(str(signed), newline="")
    known = [one.verifier for one in witnesses]
    read = files.reader(str(tmp_path / "log"))
    assert "w.example/1" in audit.audit(read, [LOG.verifier], witnesses=known, quorum=1).signed_by
    with pytest.raises(Untrue) as found:
        audit.audit(read, [LOG.verifier], witnesses=known, quorum=2)
    assert found.value.code == "too_few_witnesses"


def test_over_http_a_log_is_the_same(logs):
    handler = partial(SimpleHTTPRequestHandler, directory=str(logs / "1700"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}/"
        assert audited(place).checkpoint.size == 1_700
        with pytest.raises(Unreadable, match="404"):
            audited(place + "nowhere")
        server.shutdown()
    with pytest.raises(Unreadable, match="refused"):
        audited(place)


def _flip(data, chance):
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _drop(data, chance):
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.choice((1, 32, 34)) :]


def _insert(data, chance):
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.randbytes(chance.choice((1, 32, 34))) + data[at:]


def _truncate(data, chance):
    return data[: chance.randrange(len(data))]


def _reorder(data, chance):
    step = chance.choice((32, 34))
    cut = [data[n : n + step] for n in range(0, len(data), step)]
    chance.shuffle(cut)
    return b"".join(cut)


CHANGES = [_flip, _drop, _insert, _truncate, _reorder]


def held(folder):
    """Return a folder's files as bytes by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a log of 600 leaves, the same at 550, and one that forks from it after 500: files by path."""
    folder = tmp_path_factory.mktemp("small")
    leaves = entries(600)
    publish(folder / "now", leaves)
    publish(folder / "before", leaves[:550])
    publish(folder / "fork", [*leaves[:500], *entries(200, seed=2)])
    return {name: held(folder / name) for name in ("now", "before", "fork")}


def mutate(store, small, chance, tmp_path):
    """Change one thing in the files of a log of 600 leaves; return what was done, None if they are as before."""
    choice = chance.randrange(12)
    path, other = chance.choice(sorted(store)), chance.choice(sorted(store))
    if choice < 8:
        change = chance.choice(CHANGES)
        store[path] = change(store[path], chance)
        done = f"{change.__name__} {path}"
    elif choice == 8:
        store[path], store[other] = store[other], store[path]
        done = f"swap {path} {other}"
    elif choice == 9:
        del store[path]
        done = f"remove {path}"
    elif choice == 10:  # a history signed anew by who has the log's key, or has not
        leaves = entries(600)
        leaves[chance.randrange(600)] = chance.randbytes(32)
        signer = chance.choice((LOG, OTHER))
        publish(tmp_path / "anew", leaves, signer)
        store.clear()
        store.update(held(tmp_path / "anew"))
        done = "signed anew by " + ("the log" if signer is LOG else "another")
    else:
        which = chance.choice(("before", "fork"))
        if chance.random() < 0.5:  # a stale checkpoint over the tiles of now
            store["checkpoint"] = small[which]["checkpoint"]
        else:
            store.clear()
            store.update(small[which])
        done = f"as of {which}"
    return None if store == small["now"] else done


def missed(small, tmp_path, seed):
    """Mutate a good log and audit it as one who audited it before; return what was done if nothing was found."""
    chance = random.Random(seed)
    store = dict(small["now"])
    done = mutate(store, small, chance, tmp_path)
    if done is None:
        return None

    def read(path):
        if path not in store:
            raise Unreadable(path)
        return store[path]

    root = notes.parse_checkpoint(notes.parse_note(small["now"]["checkpoint"]).text).root
    state = tmp_path / "state"  # remembers the checkpoint of 600 leaves, and reads all of it again
    audit.State("log.example/ledger", 600, root, tiles.Edge()).save(state)
    try:
        audit.audit(read, [LOG.verifier], state=state)
    except FOUND:
        return None
    return done


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_mutation_is_found(small, tmp_path, count):
    assert [done for seed in range(count) if (done := missed(small, tmp_path, seed))] == []


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("_matching", "entries"),
        ("_check_above", "tile/1"),
        ("load", "as of fork"),
        ("verify", "signed anew by another"),
    ],
)
def test_control_with_a_check_taken_out_the_harness_misses(small, tmp_path, monkeypatch, check, expected):

    def nothing(path):
        return audit.State("log.example/ledger", 0, merkle.EMPTY, tiles.Edge())

    if check == "_matching":
        monkeypatch.setattr(audit, "_matching", lambda leaves, hashes, number: hashes)
    elif check == "_check_above":
        monkeypatch.setattr(audit, "_check_above", lambda read, tile, data: None)
    elif check == "load":
        monkeypatch.setattr(audit.State, "load", nothing)
    else:
        monkeypatch.setattr(audit.State, "load", nothing)
        anyone = [notes.Verified(LOG.verifier, None, notes.Signature("", b"", b""))]
        monkeypatch.setattr(notes, "verify", lambda note, known: anyone)
    done = [what for seed in range(200) if (what := missed(small, tmp_path, seed))]
    assert any(expected in what for what in done)

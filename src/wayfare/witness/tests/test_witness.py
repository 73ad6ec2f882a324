"""A witness by the specification: every status at its real door, and a memory that neither kill nor race sets back."""

from __future__ import annotations

import hashlib
import random
import socket
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.tlog import merkle, notes
from wayfare.tlog.keys import KeyProblem
from wayfare.tlog.merkle import EMPTY
from wayfare.tlog.notes import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    NOTE_LIMIT,
    Checkpoint,
    Malformed,
    Note,
    Signature,
)
from wayfare.tlog.tests.vectors import vectors
from wayfare.witness import rules
from wayfare.witness.rules import REQUEST_LIMIT, Refusal
from wayfare.witness.state import State, origin_hash, signers
from wayfare.witness.tests.example import Log, Running, cosigned, request

NAME = "witness.example/one"
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@pytest.fixture(scope="module")
def running():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = Path(folder) / "witness"
        signers(home, NAME)
        running = Running(home)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def log(running, request):
    """Return a log that the witness knows."""
    found = Log(f"log.example/{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]}")
    State(running.folder).add_log(found.origin, found.verifiers)
    return found


def witness_keys(running):
    return [signer.verifier for signer in signers(running.folder)]


def begun(running, log, size):
    assert running.submit(log.request(0, size))[0] == 200


# The specification, status by status


def test_200_is_a_cosignature_of_each_key(running, log):
    status, kind, lines = running.submit(log.request(0, 40))
    assert (status, kind) == (200, TEXT)
    found = cosigned(log.note(40), lines, witness_keys(running))
    assert [one.by.kind for one in found] == [COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44]
    assert all(one.timestamp for one in found)
    assert len({one.by.public for one in found}) == 2
    for old, size in ((40, 41), (41, 41), (41, 64), (64, 100)):
        status, _, lines = running.submit(log.request(old, size))
        assert status == 200
        assert len(cosigned(log.note(size), lines, witness_keys(running))) == 2


def test_the_tree_without_leaves_may_come_first(running, log):
    for old, size in ((0, 0), (0, 0), (0, 7), (7, 8)):
        assert running.submit(log.request(old, size))[0] == 200


def test_404_for_an_unknown_origin(running):
    assert running.submit(Log("log.example/stranger").request(0, 5))[0] == 404


def test_403_without_a_trusted_signature(running, log):
    stranger = Log(log.origin)
    assert running.submit(stranger.request(0, 5))[0] == 403


def test_403_for_a_trusted_key_that_did_not_sign_this(running, log):
    good, other = log.note(5), log.note(6)
    for n in (0, 1):
        mixed = [*good.signatures]
        mixed[n] = other.signatures[n]
        assert running.submit(log.request(0, 5, Note(good.text, mixed)))[0] == 403


def test_signatures_of_others_are_ignored(running, log):
    stranger = Log(log.origin)
    good = log.note(5)
    signatures = [*stranger.note(6).signatures, Signature("who.example", b"1234", b"x"), *good.signatures]
    assert running.submit(log.request(0, 5, Note(good.text, signatures)))[0] == 200
    kept = running.ask("GET", f"/{origin_hash(log.origin)}/checkpoint")[2]
    assert "who.example" not in kept
    assert len(notes.parse_note(kept.encode()).signatures) == 4


def test_one_trusted_signature_is_enough(running, log):
    good = log.note(5)
    assert running.submit(log.request(0, 5, Note(good.text, good.signatures[1:])))[0] == 200


def test_400_for_an_old_size_above_the_new(running, log):
    begun(running, log, 50)
    assert running.submit(log.request(50, 40))[0] == 400


def test_409_says_the_size_seen_last(running, log):
    assert running.submit(log.request(3, 50)) == (409, SIZE, "0\n")
    begun(running, log, 50)
    for old, size in ((0, 60), (49, 60), (0, 50), (51, 60), (0, 40), (40, 40)):
        assert running.submit(log.request(old, size)) == (409, SIZE, "50\n")
    assert running.submit(log.request(50, 60))[0] == 200


def test_422_for_a_proof_where_there_is_nothing_to_prove(running, log):
    assert running.submit(log.request(0, 50, proof=[bytes(32)]))[0] == 422
    begun(running, log, 50)
    assert running.submit(log.request(50, 50, proof=[bytes(32)]))[0] == 422


def test_422_for_an_empty_tree_of_another_root(running, log):
    text = Checkpoint(log.origin, 0, bytes(32)).text()
    assert running.submit(log.request(0, 0, notes.signed_note(text, log.signers, 1)))[0] == 422
    assert log.checkpoint(0).root == EMPTY


def test_422_for_a_proof_that_does_not_hold(running, log):
    begun(running, log, 50)
    good = log.proof(50, 77)
    for proof in ([], good[:-1], [*good, bytes(32)], good[::-1], [bytes(32), *good[1:]]):
        assert running.submit(log.request(50, 77, proof=proof))[0] == 422
    assert running.submit(log.request(50, 77, proof=good))[0] == 200


def test_a_fork_is_refused_and_told(running, log):
    begun(running, log, 50)
    twin = log.fork(at=20)
    assert running.submit(twin.request(50, 50))[0] == 422
    assert running.submit(twin.request(50, 80))[0] == 422
    assert log.origin in running.log.read_text()
    later = log.fork(at=60)
    assert running.submit(later.request(50, 80))[0] == 200
    assert running.submit(log.request(80, 90))[0] == 422


MALFORMED = {
    "empty": lambda log: b"",
    "no old line": lambda log: b"\n" + str(log.note(5)).encode(),
    "old without number": lambda log: b"old \n\n" + str(log.note(5)).encode(),
    "two spaces": lambda log: b"old  0\n\n" + str(log.note(5)).encode(),
    "leading zero": lambda log: b"old 00\n\n" + str(log.note(5)).encode(),
    "negative": lambda log: b"old -1\n\n" + str(log.note(5)).encode(),
    "other digits": lambda log: "old ٣\n\n".encode() + str(log.note(5)).encode(),
    "beyond 2^63 - 1": lambda log: b"old 9223372036854775808\n\n" + str(log.note(5)).encode(),
    "64 hashes": lambda log: log.request(0, 5, proof=[bytes(32)] * 64),
    "short hash": lambda log: log.request(0, 5, proof=[bytes(31)]),
    "not base64": lambda log: b"old 0\n*\n\n" + str(log.note(5)).encode(),
    "carriage returns": lambda log: log.request(0, 5).replace(b"\n", b"\r\n"),
    "no empty line": lambda log: b"old 0\n" + str(log.note(5)).encode().replace(b"\n\n", b"\n"),
    "no note": lambda log: b"old 0\n\n",
    "no signature": lambda log: b"old 0\n\n" + log.note(5).text.encode(),
    "no last newline": lambda log: log.request(0, 5)[:-1],
    "not UTF-8": lambda log: log.request(0, 5) + b"\xff",
    "no checkpoint": lambda log: request(0, [], notes.signed_note("only this\n", log.signers[:1], 1)),
    "size with a sign": lambda log: log.request(0, 5).replace(b"\n5\n", b"\n+5\n"),
    "short root": lambda log: request(
        0, [], notes.signed_note(Checkpoint(log.origin, 5, b"x").text(), log.signers[:1], 1)
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_400_for_what_is_badly_written(running, log, what):
    assert running.submit(MALFORMED[what](log))[0] == 400
    begun(running, log, 5)


def test_63_hashes_and_sixteen_signatures_are_read(running, log):
    assert running.submit(log.request(0, 5, proof=[bytes(32)] * 63))[0] == 422
    good = log.note(5)
    signatures = [Signature(f"other.example/{n}", b"1234", bytes(2428)) for n in range(16)]
    assert running.submit(log.request(0, 5, Note(good.text, [*signatures, *good.signatures])))[0] == 200


def test_413_for_a_body_that_is_too_long(running, log):
    assert running.submit(b"old 0\n\n" + b"x" * REQUEST_LIMIT)[0] == 413
    assert running.submit(b"old 0\n\n" + b"x" * NOTE_LIMIT)[0] == 400


def test_a_body_that_breaks_off_does_no_harm(running, log):
    with socket.create_connection(("127.0.0.1", running.port)) as link:
        link.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 500\r\n\r\nold 0\n")
    begun(running, log, 5)


# What monitors read


def test_monitors_read_the_checkpoint_cosigned_last(running, log):
    path = f"/{origin_hash(log.origin)}/checkpoint"
    assert running.ask("GET", path)[0] == 404
    begun(running, log, 50)
    lines = running.submit(log.request(50, 60))[2]
    status, kind, text = running.ask("GET", path)
    assert (status, kind) == (200, TEXT)
    note = notes.parse_note(text.encode())
    assert text.endswith(lines)
    assert len(notes.verify(note, [*log.verifiers, *witness_keys(running)])) == 4
    assert notes.parse_checkpoint(note.text) == log.checkpoint(60)
    assert running.ask("HEAD", path) == (200, TEXT, "")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//add-checkpoint",
        "/add-checkpoint/",
        "/add-checkpoint%0a",
        "/ADD-CHECKPOINT",
        "/" + "A" * 64 + "/checkpoint",
        "/" + "a" * 63 + "/checkpoint",
        "/../keys/note.pem",
        "/" + "a" * 64 + "/checkpoint/../../state.sqlite",
        "/%2e%2e/state.sqlite",
        "/sign-subtree",
    ],
)
def test_nothing_else_is_here(running, path):
    for method in ("GET", "POST"):
        assert running.ask(method, path)[::2] == (404, "nothing is here\n")


def test_other_methods_are_refused(running):
    for path, methods in {"/add-checkpoint": ("GET", "PUT", "DELETE"), f"/{'a' * 64}/checkpoint": ("POST",)}.items():
        for method in methods:
            assert running.ask(method, path)[0] == 405


# Memory


def test_what_was_answered_is_remembered_over_kill_9(tmp_path):
    """Killed at random moments while it is asked: no answer that was given is taken back."""
    chance = random.Random(1)
    log = Log(size=1_000)
    signers(tmp_path / "w", NAME)
    State(tmp_path / "w").add_log(log.origin, log.verifiers)
    running = Running(tmp_path / "w")
    try:
        answered = told = 0
        for _ in range(5):
            killer = threading.Timer(chance.random() * 0.02, running.kill)
            after = told + chance.randint(1, 8)
            for size in range(told + 1, len(log.leaves)):
                if size == after:
                    killer.start()
                status = running.submit(log.request(told, size))[0]
                if status != 200:
                    break
                answered = told = size
            assert status == 0
            killer.join()
            running.start()
            status, _, body = running.submit(log.request(0, 1))
            assert status == 409
            told = int(body)
            assert told in (answered, answered + 1)  # the last one may have been written and not answered
            answered = told
            assert running.submit(log.fork(at=0).request(told, told))[0] == 422
            assert running.submit(log.request(told, told))[0] == 200
    finally:
        running.kill()


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "w")


class Slow:
    """A key that takes a while: it waits in the midst of a submission for another."""

    def __init__(self, signer, seconds):
        self.signer = signer
        self.checked, self.other_is_done = threading.Event(), threading.Event()
        self.seconds = seconds

    @property
    def verifier(self):
        return self.signer.verifier

    def sign(self, text, timestamp):
        self.checked.set()
        self.other_is_done.wait(self.seconds)
        return self.signer.sign(text, timestamp)


def race(state, seconds):
    """Submit N, and while that is between check and record N + K; return the sizes cosigned, and the one remembered."""
    log = Log()
    cosigners = signers(state.file.parent, NAME)
    state.add_log(log.origin, log.verifiers)
    state.add_checkpoint(log.request(0, 10), cosigners)
    slow, cosigned = Slow(cosigners[0], seconds), [10]

    def submit(size, keys):
        try:
            state.add_checkpoint(log.request(10, size), keys)
            cosigned.append(size)
        except Refusal as refusal:
            assert (refusal.status, refusal.body) == (409, "20\n")

    first = threading.Thread(target=submit, args=(20, [slow]))
    first.start()
    assert slow.checked.wait(30)
    submit(30, cosigners)
    slow.other_is_done.set()
    first.join()
    ((_, remembered, _),) = state.logs()
    return cosigned, remembered


def test_two_submissions_at_once_never_set_the_memory_back(state):
    cosigned, remembered = race(state, 0.5)
    assert cosigned == [10, 20]
    assert remembered == 20


def test_the_race_is_lost_when_check_and_record_are_not_one_step(state, monkeypatch):
    monkeypatch.setattr(State, "alone", "select 1")
    cosigned, remembered = race(state, 30)
    assert cosigned == [10, 30, 20]
    assert remembered == 20


def test_many_at_once_are_cosigned_one_after_the_other(running, log):
    sizes = list(range(1, 33))
    answers: list[int] = []

    def submit(size):
        old = 0
        while old < size:
            status, _, body = running.submit(log.request(old, size))
            if status == 200:
                answers.append(size)
                return
            old = int(body)

    threads = [threading.Thread(target=submit, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 32 in answers
    assert running.submit(log.request(0, 1)) == (409, SIZE, "32\n")


def accepts_a_fork(state):
    log = Log()
    cosigners = signers(state.file.parent, NAME)
    state.add_log(log.origin, log.verifiers)
    state.add_checkpoint(log.request(0, 50), cosigners)
    try:
        state.add_checkpoint(log.fork(at=20).request(50, 80), cosigners)
    except Refusal as refusal:
        assert refusal.status == 422
        return False
    return True


def test_a_fork_would_be_seen_if_it_were_cosigned(state, monkeypatch):
    assert not accepts_a_fork(state)
    monkeypatch.setattr(merkle, "check_consistency", lambda *_: None)
    assert accepts_a_fork(State(state.file.parent.with_name("careless")))


def test_nothing_is_cosigned_that_could_not_be_written(state):
    log = Log()
    state.add_log(log.origin, log.verifiers)
    cosigners = signers(state.file.parent, NAME)
    state.add_checkpoint(log.request(0, 50), cosigners)

    class Failing(Slow):
        def sign(self, text, timestamp):
            raise OSError("no key today")

    with pytest.raises(OSError, match="no key"):
        state.add_checkpoint(log.request(50, 60), [cosigners[0], Failing(cosigners[1], 0)])
    assert state.logs()[0][1] == 50


# Keys and logs


def test_keys_are_for_their_owner_and_keep_their_name(tmp_path):
    with pytest.raises(KeyProblem, match="first: wayfare witness key"):
        signers(tmp_path / "w")
    made = [signer.verifier for signer in signers(tmp_path / "w", NAME)]
    assert [signer.verifier for signer in signers(tmp_path / "w")] == made
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o700
    with pytest.raises(KeyProblem, match="keeps the name"):
        signers(tmp_path / "w", "witness.example/other")
    with pytest.raises(KeyProblem, match="255"):
        signers(tmp_path / "x", "w" * 256)


def test_a_key_that_is_dropped_counts_no_more_and_the_size_stays(state):
    log, cosigners = Log(), signers(state.file.parent, NAME)
    state.add_log(log.origin, log.verifiers)
    state.add_checkpoint(log.request(0, 50), cosigners)
    note = log.note(60)
    assert state.drop_key(log.verifiers[0])
    assert not state.drop_key(log.verifiers[0])
    with pytest.raises(Refusal) as refused:
        state.add_checkpoint(log.request(50, 60, Note(note.text, note.signatures[:1])), cosigners)
    assert refused.value.status == 403
    state.drop_key(log.verifiers[1])
    with pytest.raises(Refusal) as refused:
        state.add_checkpoint(log.request(50, 60), cosigners)
    assert refused.value.status == 404
    state.add_log(log.origin, log.verifiers)
    assert state.logs() == [(log.origin, 50, sorted(str(one) for one in log.verifiers))]


@pytest.mark.parametrize("origin", ["", "two\nlines", "o" * 256])
def test_origins_that_cannot_be_cosigned_are_refused(state, origin):
    with pytest.raises(Malformed):
        state.add_log(origin, Log().verifiers)


# Anything at all


@given(st.binary(max_size=2_000) | st.text(max_size=500).map(lambda text: f"old 0\n\n{text}".encode()))
def test_no_body_breaks_the_reader(body):
    try:
        rules.parse(body)
    except Refusal as refusal:
        assert refusal.status == 400


def public_example():
    where = vectors()
    if where is None:
        pytest.skip("the public vectors are not beside this checkout (WAYFARE_VECTORS)")
    return where / "signed-notes"


def test_the_public_examples_parse():
    import json

    found = 0
    for case in json.loads((public_example() / "notes.json").read_text())["well_formed"]:
        note = notes.parse_note(case["note"].encode())
        try:
            checkpoint = notes.parse_checkpoint(note.text)
        except Malformed:
            continue
        assert rules.parse(request(0, [], note)) == rules.Submission(0, [], note, checkpoint)
        found += 1
    assert found


def test_the_specification_s_own_request_parses():
    body = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""
    found = rules.parse(body.encode())
    assert (found.old, found.checkpoint.size, len(found.proof)) == (20852014, 20852163, 4)
    assert request(found.old, found.proof, found.note).decode() == body

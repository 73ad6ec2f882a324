"""Having checkpoints cosigned: by witnesses as they really run, and by such as are slow, down, ahead, or lie."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import shutil
import socket
import ssl
import tempfile
import threading
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import connection, transaction

from wayfare.common.tests.homes import bring_door_key
from wayfare.tlog import keys, notes, operations, policy, queries, witnesses
from wayfare.tlog.notes import COSIGNATURE_ED25519, Checkpoint, Malformed, Note
from wayfare.tlog.parts import Source
from wayfare.tlog.policy import Witness
from wayfare.tlog.witnesses import WitnessProblem, published, submit, tell_witnesses
from wayfare.tlog.writers import writing
from wayfare.witness.state import State, origin_hash, signers
from wayfare.witness.tests.example import Log, Running

NAME = "witness.example/one"
SIZE = "text/x.tlog.size"


def grown(log, held, size, word="body"):
    """Let a log grow to a size, sign it, and return its checkpoint."""
    bodies = [b"%s %d" % (word.encode(), n) for n in range(size)]
    assert operations.keep_up(Source(log, lambda after, limit: bodies[after : after + limit]), held) is not None
    note = queries.latest(log)
    assert note is not None
    return note


def latest():
    note = queries.latest("test")
    assert note is not None
    return note


def lines(log):
    """Return the cosignatures kept by size: {size: {witness key: line}}."""
    with connection.cursor() as cursor:
        cursor.execute("select size, witness, line from log_cosignature where log = %s", [log])
        found: dict[int, dict[str, str]] = {}
        for size, witness, line in cursor.fetchall():
            found.setdefault(size, {})[witness] = line
        return found


@pytest.fixture
def held(tmp_path):
    return keys.opened(tmp_path / "log-keys", "log.example/test")


@pytest.fixture(scope="module")
def pair():
    """Return two witnesses that really run."""
    with ExitStack() as stack:
        running = []
        for name in (NAME, "witness.example/two"):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wf"))) / "witness"
            signers(home, name)
            running.append(Running(home))
            stack.callback(running[-1].stop)
        yield running


def introduced(running, held):
    """Let a witness know a log, anew whatever it has seen before; return how it is known to the log."""
    (running.folder / "state.sqlite").unlink()
    State(running.folder).add_log(held.name, held.verifiers)
    return Witness(running.url, tuple(signer.verifier for signer in signers(running.folder)))


class Scripted:
    """A witness that answers as a test says, under keys that it has; and remembers what it was asked."""

    def __init__(self, answer, folder):
        self.asked: list[bytes] = []
        self.was_asked = threading.Event()
        self.signers = signers(folder / "scripted", NAME)
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                scripted.asked.append(body)
                scripted.was_asked.set()
                answer(self, scripted, body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def witness(self):
        port = self.server.server_address[1]
        return Witness(f"http://127.0.0.1:{port}", tuple(signer.verifier for signer in self.signers))


@contextmanager
def scripted(answer, folder):
    found = Scripted(answer, folder)
    try:
        yield found
    finally:
        found.server.shutdown()
        found.server.server_close()


def saying(status, body=b"", content_type="text/plain", **headers):
    def answer(handler, *_):
        handler.send_response(status)
        for name, value in {"content-type": content_type, **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def signing(change):
    """Return an answer that cosigns what `change` makes of the text that was asked for."""

    def answer(handler, scripted, body):
        note = notes.parse_note(body.partition(b"\n\n")[2])
        saying(200, change(note.text, scripted.signers).encode())(handler)

    return answer


def problem(log, held, witness, seconds=20.0):
    with pytest.raises(WitnessProblem) as raised:
        submit(log, held, witness, seconds)
    return raised.value.code


# As it should be


@pytest.mark.django_db
def test_both_cosignatures_of_a_witness_stand_under_the_checkpoint(pair, held):
    witness = introduced(pair[0], held)
    assert submit("test", held, witness) is None
    for size in (1, 2, 256, 700):
        text = grown("test", held, size).text
        assert submit("test", held, witness) == size
        note = latest()
        assert note.text == text
        assert len(policy.cosigned(note, witness)) == 2
        assert len(notes.verify(note, [*held.verifiers, *witness.verifiers])) == 4
    assert set(lines("test")[700]) == {policy.key_of(verifier) for verifier in witness.verifiers}
    kept = pair[0].ask("GET", f"/{origin_hash(held.name)}/checkpoint")[2]
    assert sorted(kept.splitlines()) == sorted(str(note).splitlines())


@pytest.mark.django_db
def test_who_has_cosigned_the_latest_is_not_asked_again(held, tmp_path):
    grown("test", held, 5)
    with scripted(signing(lambda text, keys: keys[0].sign(text, 5).line()), tmp_path) as found:
        assert submit("test", held, found.witness) == submit("test", held, found.witness) == 5
        assert len(found.asked) == 1
        grown("test", held, 9)
        assert submit("test", held, found.witness) == 9
        assert found.asked[1].startswith(b"old 5\n")


@pytest.mark.django_db
def test_a_lost_answer_is_made_good(pair, held):
    """The witness has cosigned, and we never heard: it says its size, and is asked again with the proof from there."""
    witness = introduced(pair[0], held)
    for size, grows in ((5, True), (5, False), (9, True)):
        if grows:
            grown("test", held, size)
        with transaction.atomic():
            assert submit("test", held, witness) == size
            transaction.set_rollback(True)
        assert lines("test") == {}
    assert submit("test", held, witness) == 9
    assert len(lines("test")[9]) == 2


@pytest.mark.django_db
def test_two_installations_vouch_for_each_other(pair, tmp_path):
    """Each has a log and a witness; each log is cosigned by the other's witness, and neither by its own."""
    logs = [keys.opened(tmp_path / f"keys-{n}", f"{n}.example/ledger") for n in ("a", "b")]
    others = [introduced(pair[1], logs[0]), introduced(pair[0], logs[1])]
    for size in (3, 300):
        for name, own, other in zip("ab", logs, others, strict=True):
            grown(name, own, size)
            assert submit(name, own, other) == size
            note = queries.latest(name)
            assert note is not None
            assert policy.enough(note, [other], 1)
            assert not policy.enough(note, [one for one in others if one != other], 1)
    for own, running in zip(logs, reversed(pair), strict=True):
        assert [log[:2] for log in State(running.folder).logs()] == [(own.name, 300)]


# Who is ahead, or has seen another tree


@pytest.fixture
def stolen(held, tmp_path):
    """Return a copy of the keys, without the last word: somebody else's, who signs another tree with them."""
    shutil.copytree(held.folder, tmp_path / "stolen")
    return keys.opened(tmp_path / "stolen", "")


@pytest.mark.django_db
def test_a_witness_that_has_seen_more_is_an_alarm_and_asked_once(pair, held, stolen, tmp_path):
    witness = introduced(pair[0], held)
    grown("theirs", stolen, 20)
    assert submit("theirs", stolen, witness) == 20
    grown("test", held, 10)
    with pytest.raises(WitnessProblem, match="somebody else signs with our keys") as raised:
        submit("test", held, witness)
    assert raised.value.code == "ahead"
    with scripted(saying(409, b"20\n", SIZE), tmp_path) as found:
        assert problem("test", held, found.witness) == "ahead"
        assert len(found.asked) == 1


@pytest.mark.django_db
def test_a_database_older_than_our_last_word_is_named_so(held, tmp_path):
    grown("test", held, 10)
    held.remember(str(notes.signed_note(Checkpoint(held.name, 20, bytes(32)).text(), held.signers, 1)))
    with scripted(saying(409, b"20\n", SIZE), tmp_path) as found:
        with pytest.raises(WitnessProblem, match="the database is older than that"):
            submit("test", held, found.witness)


@pytest.mark.django_db
def test_a_fork_is_an_alarm_and_gets_no_cosignature(pair, held, stolen):
    witness = introduced(pair[0], held)
    grown("theirs", stolen, 10, "theirs")
    assert submit("theirs", stolen, witness) == 10
    for size in (10, 20):
        grown("test", held, size)
        assert problem("test", held, witness) == "differs"
    assert lines("test") == {}


@pytest.mark.django_db
def test_a_witness_that_has_forgotten_is_told_anew(pair, held, caplog):
    witness = introduced(pair[0], held)
    grown("test", held, 10)
    assert submit("test", held, witness) == 10
    introduced(pair[0], held)
    grown("test", held, 20)
    assert submit("test", held, witness) == 20
    assert f"witness {NAME} has seen 0 leaves of test, but cosigned 10 before" in caplog.text


# Who lies, or talks nonsense


def other_tree(text):
    checkpoint = notes.parse_checkpoint(text)
    return checkpoint._replace(size=checkpoint.size + 1).text()


STRANGER = Log("stranger.example/log").signers
LIES = {
    "for another tree": signing(lambda text, keys: "".join(k.sign(other_tree(text), 5).line() for k in keys)),
    "one of two is bad": signing(
        lambda text, keys: keys[0].sign(text, 5).line() + keys[1].sign(other_tree(text), 5).line()
    ),
    "by keys that are not known": signing(lambda text, _: STRANGER[1].sign(text, 5).line()),
    "without a time": signing(lambda text, keys: keys[1].sign(text, 0).line()),
    "a line twice": signing(lambda text, keys: keys[0].sign(text, 5).line() * 2),
    "without its newline": signing(lambda text, keys: keys[0].sign(text, 5).line()[:-1]),
    "a whole note": signing(lambda text, keys: str(Note(text, [keys[0].sign(text, 5)]))),
    "nothing": saying(200),
    "no text": saying(200, b"\xff\xfe"),
    "without end": saying(200, b"x" * (notes.NOTE_LIMIT + 100_000)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("what", LIES)
def test_a_lie_is_named_and_not_kept(held, tmp_path, what):
    grown("test", held, 5)
    with scripted(LIES[what], tmp_path) as found:
        assert problem("test", held, found.witness) == "lies"
        assert len(found.asked) == 1
    assert lines("test") == {}


@pytest.mark.django_db
def test_lines_of_others_are_left_aside(held, tmp_path):
    grown("test", held, 5)
    answer = signing(lambda text, keys: "".join(key.sign(text, 5).line() for key in (*STRANGER, keys[0])))
    with scripted(answer, tmp_path) as found:
        assert submit("test", held, found.witness) == 5
        assert set(lines("test")[5]) == {policy.key_of(found.signers[0].verifier)}
    assert found.signers[0].verifier.kind == COSIGNATURE_ED25519


REFUSALS = {
    "refused, a redirection": (saying(302, location="http://127.0.0.1:1/"), "refused", 1),
    "refused, unknown": (saying(404, b"who are you"), "refused", 1),
    "refused, broken": (saying(500), "refused", 1),
    "refused, busy for ever": (saying(409, b"3\n", SIZE), "refused", 2),
    "no size": (saying(409, b"three\n", SIZE), "garbled", 1),
    "a size in HTML": (saying(409, b"3\n", "text/html"), "garbled", 1),
    "a very large size": (saying(409, b"9" * 19 + b"\n", SIZE), "garbled", 1),
    "not the protocol": (lambda handler, *_: handler.wfile.write(b"SSH-2.0\r\n"), "unreachable", 1),
    "closed": (lambda handler, *_: handler.connection.close(), "unreachable", 1),
}


@pytest.mark.django_db
@pytest.mark.parametrize("what", REFUSALS)
def test_nonsense_is_named_and_never_asked_for_a_third_time(held, tmp_path, what):
    answer, code, times = REFUSALS[what]
    grown("test", held, 5)
    with scripted(answer, tmp_path) as found:
        assert problem("test", held, found.witness) == code
        assert len(found.asked) == times
    assert lines("test") == {}


# Certificates


@pytest.fixture
def secured(tmp_path):
    """Return a function that wraps a server's socket in TLS for 127.0.0.1, and the certificate, which is its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "witness")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return (lambda server: setattr(server, "socket", context.wrap_socket(server.socket, server_side=True))), file


@pytest.mark.django_db
def test_a_certificate_is_verified(held, tmp_path, secured, monkeypatch):
    secure, file = secured
    grown("test", held, 5)
    with scripted(signing(lambda text, keys: keys[0].sign(text, 5).line()), tmp_path) as found:
        secure(found.server)
        witness = found.witness._replace(url=found.witness.url.replace("http://", "https://"))
        with pytest.raises(WitnessProblem, match="CERTIFICATE_VERIFY_FAILED"):
            submit("test", held, witness)
        assert found.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert submit("test", held, witness) == 5
        with pytest.raises(WitnessProblem, match=r"IP address mismatch|Hostname mismatch"):
            submit("test", held, Witness(witness.url.replace("127.0.0.1", "localhost"), (STRANGER[1].verifier,)))


@pytest.mark.django_db
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"], ids=["head", "body"])
def test_a_witness_that_sends_byte_by_byte_is_cut_off(held, tmp_path, secured, monkeypatch, scheme, before):
    secure, file = secured
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    grown("test", held, 5)
    heard = threading.Event()

    def drip(handler, *_):
        with suppress(OSError):
            handler.wfile.write(before)
            while not heard.wait(0.05):
                handler.wfile.write(b"x")

    with scripted(drip, tmp_path) as found:
        if scheme == "https":
            secure(found.server)
        witness = found.witness._replace(url=found.witness.url.replace("http", scheme))
        assert problem("test", held, witness, seconds=0.5) == "unreachable"
        heard.set()
        assert len(found.asked) == 1


# Beside signing


@pytest.fixture
def home(fresh_database, settings, tmp_path, monkeypatch):
    """Return a function that writes the list of witnesses of an installation whose database commits."""
    settings.WAYFARE_HOME = bring_door_key(tmp_path)
    tellers: dict[tuple[str, str, Witness], witnesses._Teller] = {}
    monkeypatch.setattr(witnesses, "_tellers", tellers)

    def write(*some):
        rows = [f"{one.url} {' '.join(str(verifier) for verifier in one.verifiers)}\n" for one in some]
        (tmp_path / "witnesses").write_text("".join(rows))

    yield write
    for teller in tellers.values():
        if teller.thread is not None:
            teller.thread.join()


def all_told(held, seconds=60.0):
    tell_witnesses("test", held, seconds)


def of(witness):
    (found,) = [teller for (_, _, one), teller in witnesses._tellers.items() if one == witness]
    return found


def test_all_are_told_and_who_fails_harms_nobody(home, pair, held, tmp_path, caplog):
    good = introduced(pair[0], held)
    also_good = introduced(pair[1], held)
    with socket.socket() as nobody, scripted(LIES["for another tree"], tmp_path) as lying:
        nobody.bind(("127.0.0.1", 0))
        down = Witness(f"http://127.0.0.1:{nobody.getsockname()[1]}", (Log("down.example").signers[1].verifier,))
        liar = lying.witness._replace(
            verifiers=tuple(one._replace(name="liar.example") for one in lying.witness.verifiers)
        )
        home(down, liar, good, also_good)
        grown("test", held, 5)
        all_told(held)
    assert len(lines("test")[5]) == 4
    assert "witness down.example of test: unreachable: no answer: ConnectionRefusedError" in caplog.text
    assert "witness liar.example of test: lies:" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_an_alarm_is_loud(home, held, tmp_path, caplog):
    grown("test", held, 5)
    with scripted(saying(409, b"20\n", SIZE), tmp_path) as found:
        home(found.witness)
        all_told(held)
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert f"ALARM: witness {NAME} of test: ahead: it has seen 20 leaves" in record.getMessage()


def test_who_is_slow_is_not_waited_for_and_counts_when_it_comes(home, held, tmp_path):
    release = threading.Event()
    in_time = signing(lambda text, keys: keys[0].sign(text, 5).line())

    def slow(handler, scripted, body):
        assert release.wait(60)
        in_time(handler, scripted, body)

    with scripted(slow, tmp_path) as found:
        home(found.witness)
        grown("test", held, 5)
        tell_witnesses("test", held, 0.1)
        grown("test", held, 9)
        tell_witnesses("test", held, 60.0)  # it is still at it: nobody is waited for
        assert lines("test") == {}
        assert not release.is_set()
        release.set()
        of(found.witness).thread.join()
        assert list(lines("test")) == [5]
        all_told(held)
        assert sorted(lines("test")) == [5, 9]


def test_slow_witnesses_hold_no_connections(home, held, tmp_path):
    """More of them than the pool has connections, and all are asked."""
    release = threading.Event()

    def slow(handler, *_):
        assert release.wait(60)
        saying(500)(handler)

    with ExitStack() as stack:
        some = [stack.enter_context(scripted(slow, tmp_path / str(n))) for n in range(10)]
        names = [f"slow.example/{n}" for n in range(10)]
        home(
            *(
                one.witness._replace(verifiers=tuple(key._replace(name=name) for key in one.witness.verifiers))
                for one, name in zip(some, names, strict=True)
            )
        )
        grown("test", held, 5)
        tell_witnesses("test", held, 0.1)
        asked = [one.was_asked.wait(20) for one in some]
        release.set()
        assert asked == [True] * 10


def test_who_fails_is_asked_again_later(home, held, tmp_path):
    answers = [saying(500), saying(500), signing(lambda text, keys: keys[0].sign(text, 5).line())]
    with scripted(lambda *given: answers.pop(0)(*given), tmp_path) as found:
        home(found.witness)
        grown("test", held, 5)
        for failures in (1, 2):
            all_told(held)
            all_told(held)  # too soon: not asked
            assert len(found.asked) == of(found.witness).failures == failures
            of(found.witness).not_before = 0.0
        all_told(held)
        assert list(lines("test")) == [5]
        assert of(found.witness).failures == 0


@pytest.mark.parametrize("text", [b"nonsense", b"\xff"])
def test_a_bad_list_is_told_and_stops_nothing(home, held, tmp_path, caplog, text):
    (tmp_path / "witnesses").write_bytes(text)
    grown("test", held, 5)
    all_told(held)
    assert f"no witness is told: {tmp_path / 'witnesses'}" in caplog.text


# What is published


@pytest.mark.django_db
def test_what_has_enough_witnesses_is_published(settings, held, tmp_path):
    settings.WAYFARE_HOME = bring_door_key(tmp_path)
    some = [signers(tmp_path / str(n), f"witness.example/{n}") for n in range(3)]
    listed = [f"https://w{n}.example {' '.join(str(one.verifier) for one in keys)}\n" for n, keys in enumerate(some)]
    (tmp_path / "witnesses").write_text("".join(listed))

    def keep(text, *by, over=None):
        size = notes.parse_checkpoint(text).size
        with writing(), connection.cursor() as cursor:
            for signer in by:
                line = signer.sign(over or text, 5).line()
                cursor.execute(
                    "insert into log_cosignature values (%s, %s, %s, %s)",
                    ["test", size, policy.key_of(signer.verifier), line],
                )

    def sizes():
        found = []
        for quorum in range(4):
            settings.WITNESS_QUORUM = quorum
            note = published("test")
            found.append(notes.parse_checkpoint(note.text).size if note else None)
        return found

    assert sizes() == [None] * 4
    first = grown("test", held, 5).text
    assert sizes() == [5, None, None, None]
    keep(first, *some[0])
    assert sizes() == [5, 5, None, None]
    keep(first, some[1][0], some[2][1])
    second = grown("test", held, 9).text
    assert sizes() == [9, 5, 5, 5]
    keep(second, *some[0], some[1][1])
    assert sizes() == [9, 9, 9, 5]
    third = grown("test", held, 12).text
    keep(third, some[0][0], some[1][0], some[2][0], over=second)
    assert sizes() == [12, 9, 9, 5]
    (tmp_path / "witnesses").write_text(listed[2])
    assert sizes() == [12, 5, None, None]
    (tmp_path / "witnesses").unlink()
    assert sizes() == [12, None, None, None]
    (tmp_path / "witnesses").write_text("nonsense")
    settings.WITNESS_QUORUM = 1
    with pytest.raises(Malformed, match="witnesses: line 1"):
        published("test")


@pytest.mark.django_db
def test_what_one_witness_cosigned_since_hides_nothing(settings, held, tmp_path):
    """However long the second of two is away, the last checkpoint that both cosigned stays published."""
    settings.WAYFARE_HOME = bring_door_key(tmp_path)
    settings.WITNESS_QUORUM = 2
    one, two = (signers(tmp_path / name, f"witness.example/{name}") for name in ("one", "two"))
    rows = [
        f"https://w{n}.example {' '.join(str(key.verifier) for key in some)}\n" for n, some in enumerate((one, two))
    ]
    (tmp_path / "witnesses").write_text("".join(rows))
    for size in range(1, 104):
        text = grown("test", held, size).text
        found = [*one, *two] if size == 1 else one
        note = Note(text, [signer.sign(text, 5) for signer in found])
        verifiers = tuple(signer.verifier for signer in found)
        witnesses._keep("test", size, notes.verify(note, verifiers))
    published_now = published("test")
    assert published_now is not None
    assert notes.parse_checkpoint(published_now.text).size == 1

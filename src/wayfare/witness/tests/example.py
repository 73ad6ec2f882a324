"""A small log in memory, which can also lie; and a witness as it really runs, by its address."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from wayfare.tlog import merkle, notes
from wayfare.tlog.notes import NOTE_ED25519, Checkpoint, Ed25519Signer, MLDSA44Signer, Signer


class Log:
    """Leaves in a list, and both keys. A twin is a fork: it has the same keys and other leaves from one on."""

    def __init__(self, origin="log.example/one", size=100):
        self.origin = origin
        self.signers: list[Signer] = [
            Ed25519Signer(origin, NOTE_ED25519, Ed25519PrivateKey.generate()),
            MLDSA44Signer(origin, MLDSA44PrivateKey.generate()),
        ]
        self.leaves = [merkle.leaf_hash(b"%d" % n) for n in range(size)]

    @property
    def verifiers(self):
        return [signer.verifier for signer in self.signers]

    def fork(self, at):
        twin = Log(self.origin, len(self.leaves))
        twin.signers = self.signers
        twin.leaves[at:] = [merkle.leaf_hash(b"other %d" % n) for n in range(at, len(self.leaves))]
        return twin

    def nodes(self, level, number):
        return merkle.full_root(self.leaves[number << level : (number + 1) << level])

    def checkpoint(self, size):
        return Checkpoint(self.origin, size, merkle.range_root(0, size, self.nodes))

    def note(self, size):
        return notes.signed_note(self.checkpoint(size).text(), self.signers, 1_700_000_000)

    def proof(self, old, size):
        return merkle.consistency_proof(0, old, size, self.nodes) if 0 < old <= size else []

    def request(self, old, size, note=None, proof=None):
        return request(old, self.proof(old, size) if proof is None else proof, note or self.note(size))


def request(old, proof, note):
    hashes = "".join(base64.b64encode(one).decode() + "\n" for one in proof)
    return f"old {old}\n{hashes}\n{note}".encode()


def cosigned(note, lines, verifiers):
    """Return the cosignatures in an answer that hold."""
    return notes.verify(notes.parse_note(f"{note.text}\n{lines}".encode()), verifiers)


class Running:
    """`wayfare witness run` in a folder, on a port of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.log = folder.with_suffix(".log")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        environment = {**os.environ, "WAYFARE_WITNESS_HOME": str(self.folder)}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-m", "wayfare.site.cli", "witness", "run", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=self.folder.parent
            )
        until = time.monotonic() + 60
        while self.ask("GET", "/")[0] != 404:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def kill(self):
        """End all of its processes at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        while self.ask("GET", "/")[0]:  # its worker, whom nobody waits for
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def ask(self, method, path, body=None):
        """Return status, content type and body; status 0 if there was no answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with suppress(OSError, http.client.HTTPException):
            link.request(method, path, body)
            answer = link.getresponse()
            return answer.status, answer.headers["content-type"], answer.read().decode()
        return 0, None, ""

    def submit(self, body):
        return self.ask("POST", "/add-checkpoint", body)

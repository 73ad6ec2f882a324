"""What runs while things are broken on purpose: clients and imports that do not give up, and a check of what is left."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import psycopg

from tests.test_api_race import ask, batch
from wayfare.tlog import merkle, notes, tiles

WAYFARE = (sys.executable, "-m", "wayfare.site.cli")
PROGRAMME = ("--key", "fra", "--title", "France", "--country", "FRA", "--timezone", "Europe/Paris")
PATIENCE_SECONDS = 60


def command(environment, *arguments, timeout=180):
    """Run a command of a home; return its exit code, standard output and standard error."""
    done = subprocess.run(
        [*WAYFARE, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=timeout
    )
    return done.returncode, done.stdout, done.stderr


def prepare(environment, **_):
    """Configure the programme that `batch` speaks of; return the secret of a token for its source."""
    assert command(environment, "programme", "add", *PROGRAMME)[0] == 0
    scopes = ("--scope", "ledger:write", "--scope", "ledger:own", "--scope", "statistics:exact")
    code, out, err = command(environment, "token", "add", "--source", "office", *scopes, "--json")
    assert code == 0, err
    return json.loads(out)["token"]


class Client(threading.Thread):
    """Posts a few departures at a time, the same ones until it hears that they are in; hangs up now and then."""

    def __init__(self, port, token, seed, pause_seconds=0.01):
        super().__init__(daemon=True)
        self.port, self.token, self.chance, self.pause = port, token, random.Random(seed), pause_seconds
        self.acknowledged: dict[str, int] = {}
        self.answers: Counter[object] = Counter()
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self.send(batch(self.chance.randint(1, 3)))
            time.sleep(self.chance.random() * self.pause)

    def send(self, entries):
        """Send until heard, and note where each entry is said to be."""
        body, until = json.dumps(entries), time.monotonic() + PATIENCE_SECONDS
        while True:
            listen = self.chance.random() > 0.05
            status, answer = None, b""
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = ask(self.port, self.token, "POST", "/api/v1/ledger/entries", body, listen=listen)
            self.answers[status] += 1
            if status == 200:
                break
            assert time.monotonic() < until, f"not heard for {PATIENCE_SECONDS} s: {status} {answer!r}"
            time.sleep(0.1)
        for result in json.loads(answer):
            assert result["status"] in ("accepted", "duplicate"), result
            self.acknowledged[result["entry_id"]] = result["position"]


class Importer(threading.Thread):
    """Imports one file after another, each again and again until it is in without a fault."""

    def __init__(self, environment, folder, departures):
        super().__init__(daemon=True)
        self.environment, self.folder, self.departures = environment, Path(folder), departures
        self.process: subprocess.Popen[str] | None = None
        self.files: list[list[str]] = []
        self.codes: Counter[int] = Counter()
        self.noise: list[str] = []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            entries = batch(self.departures)
            file = self.folder / f"{uuid.uuid4()}.jsonl"
            file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
            while self._import(file) != 0:
                time.sleep(0.1)
            self.files.append([entry["entry_id"] for entry in entries])
            file.unlink()

    def _import(self, file):
        arguments = [*WAYFARE, "ledger", "import", str(file), "--json", "--chunk", "150"]
        self.process = subprocess.Popen(
            arguments, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        _, err = self.process.communicate(timeout=180)
        self.codes[self.process.returncode] += 1
        if "Traceback" in err or self.process.returncode not in (0, 2, 3, -9):
            self.noise.append(err)
        return self.process.returncode


class Watcher(threading.Thread):
    """Reads the published log again and again, and notes whatever does not continue what it saw before."""

    def __init__(self, home):
        super().__init__(daemon=True)
        self.home, self.seen, self.found = home, list[notes.Checkpoint](), list[str]()
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(psycopg.Error):
                with psycopg.connect(self.home.conninfo("wayfare_owner"), autocommit=True) as link:
                    while not self.stopping.is_set():
                        self.look(link)
                        time.sleep(0.05)
            time.sleep(0.05)

    def look(self, link):
        """Take in what was published since."""
        after = self.seen[-1].size if self.seen else -1
        found = link.execute(
            "select note from log_checkpoint where log = 'ledger' and size > %s order by size", [after]
        ).fetchall()
        keys = [notes.parse_verifier(key) for (key,) in link.execute("select verifier from log_key").fetchall()]
        for (text,) in found:
            note = notes.parse_note(text.encode())
            notes.verify(note, keys)
            self.take(link, notes.parse_checkpoint(note.text))

    def take(self, link, checkpoint):
        """Hold a checkpoint against the tiles, and against the one before."""

        def fetch(tile):
            query = "select hashes from log_tile where log = 'ledger' and level = %s and number = %s"
            row = link.execute(query, [tile.level, tile.number]).fetchone()
            return row[0][: tile.width * 32] if row else b""

        nodes = tiles.TileNodes(fetch, checkpoint.size)
        try:
            if merkle.range_root(0, checkpoint.size, nodes) != checkpoint.root:
                self.found.append(f"log: signed at {checkpoint.size}, and not there")
            if self.seen and self.seen[-1].size:  # every tree continues the empty one
                last = self.seen[-1]
                proof = merkle.consistency_proof(0, last.size, checkpoint.size, nodes)
                merkle.check_consistency(last.size, checkpoint.size, proof, last.root, checkpoint.root)
        except (notes.Malformed, merkle.Unproven) as problem:
            self.found.append(f"log: at {checkpoint.size}: {problem}")
        self.seen.append(checkpoint)

    def end(self):
        """Let the log catch up with the ledger, look once more at all of it, and return what was not as it should be."""
        self.stopping.set()
        self.join(60)
        with psycopg.connect(self.home.conninfo("wayfare_owner"), autocommit=True) as link:
            until = time.monotonic() + PATIENCE_SECONDS
            while time.monotonic() < until:
                self.look(link)
                (head,) = link.execute("select coalesce(max(position), 0) from ledger_entry").fetchone() or (0,)
                if self.seen and self.seen[-1].size == head:
                    break
                time.sleep(0.1)
            else:
                self.found.append(f"log: it has not caught up with position {head}")
            seen, self.seen = self.seen, []
            self.look(link)
            if self.seen != seen:
                self.found.append("log: what was published is not what was seen")
        return self.found


def faults(environment, acknowledged, files, folder):
    """Return in words whatever is not as it was promised to those who were told that their entries are in.

    Every acknowledged entry at the position that was told, every entry once, positions without gaps, each file's
    entries in the file's order, every projection equal to a recount.
    """
    out = Path(folder) / f"{uuid.uuid4()}.jsonl"
    code, _, err = command(environment, "ledger", "export", out)
    found = [f"export: {err}"] if code else []
    stored = [json.loads(line) for line in out.read_text().splitlines()]
    out.unlink()
    positions = [entry["position"] for entry in stored]
    if positions != list(range(1, len(stored) + 1)):
        found.append("gap: positions are not 1, 2, 3 …")
    at = {entry["entry_id"]: entry["position"] for entry in stored}
    found += [f"twice: {entry}" for entry, n in Counter(one["entry_id"] for one in stored).items() if n > 1]
    found += [f"absent: {entry}" for entry in acknowledged.keys() - at.keys()]
    found += [f"moved: {entry}" for entry, position in acknowledged.items() if at.get(entry, position) != position]
    for ids in files:
        found += [f"absent: {entry}" for entry in ids if entry not in at]
        if (places := [at[entry] for entry in ids if entry in at]) != sorted(places):
            found.append("order: a file's entries are not in the file's order")
    code, out_text, err = command(environment, "log", "verify", "--json")
    if code not in (0, 1) or not out_text:
        return [*found, f"log verify: {err}"]
    found += [f"log verify: {line}" for line in json.loads(out_text.splitlines()[-1])["differences"]]
    code, out_text, err = command(environment, "ledger", "verify", "--json")
    if code not in (0, 1) or not out_text:
        return [*found, f"verify: {err}"]
    return found + [f"verify: {line}" for line in json.loads(out_text.splitlines()[-1])["differences"]]

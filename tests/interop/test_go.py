"""A log of 100,000 entries made by us is verified by a checker that no one here wrote.

The checker is Go's `golang.org/x/mod/sumdb` in Debian's packages `golang-go` and `golang-golang-x-mod-dev`; `audit.go`
only reads the folder and calls it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from wayfare.tlog import files, keys, operations
from wayfare.tlog.parts import Source

GO_PATH = Path("/usr/share/gocode")
ENTRIES = 100_000


def checked(program, folder, verifier):
    done = subprocess.run([program, folder, verifier], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if not shutil.which("go") or not (GO_PATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("needs Go (Debian: golang-go golang-golang-x-mod-dev)")
    built = tmp_path_factory.mktemp("go") / "audit"
    cache = tmp_path_factory.mktemp("go-cache")
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(cache), "GOFLAGS": ""}
    source = Path(__file__).with_name("audit.go")
    subprocess.run(["go", "build", "-o", built, source], env=environment, check=True)
    return built


@pytest.mark.slow
@pytest.mark.django_db
def test_go_verifies_a_hundred_thousand_entries_and_finds_what_is_changed(program, tmp_path):
    chance = random.Random(7)
    held = keys.opened(tmp_path / "keys", "log.example/interop")
    bodies = [b"%d" % n for n in range(ENTRIES)]
    while size := operations.grow(Source("interop", lambda a, n: bodies[a : a + min(n, chance.randint(1, 9_999))])):
        assert size
    operations.sign("interop", held)
    folder = tmp_path / "log"
    assert files.written("interop", folder) == ENTRIES
    verifier = str(held.verifiers[0])
    code, said = checked(program, folder, verifier)
    assert (code, said) == (0, f"{ENTRIES} leaves, 300 inclusion and 50 consistency proofs\n")
    for path in ("checkpoint", "tile/1/001.p/134", "tile/2/000.p/1"):
        good = (folder / path).read_bytes()
        at = len(good) // 2 if path != "checkpoint" else good.index(b"\n") + 8
        (folder / path).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert checked(program, folder, verifier)[0] != 0, path
        (folder / path).write_bytes(good)
    stranger = keys.opened(tmp_path / "others", "log.example/interop")
    assert checked(program, folder, str(stranger.verifiers[0]))[0] != 0

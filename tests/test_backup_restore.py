"""`wayfare backup` and `wayfare restore`: everything comes back, nothing that was altered does, and the keys are apart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests import lived
from tests.load import WAYFARE, command
from tests.test_restored import OLD_RULE, OPENS, last_number, next_is, rows_at
from wayfare.access import door
from wayfare.common.macs import pads
from wayfare.site import embedded
from wayfare.site.tests.test_embedded import wait

pytestmark = pytest.mark.slow
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def world():
    """An installation with something of everything, a backup of it and its keys, sealed with a passphrase."""
    with tempfile.TemporaryDirectory(prefix="wf", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        world = SimpleNamespace(folder=folder, home=folder / "home", backup=folder / "b", keys=folder / "keys.sealed")
        world.env = lived.environment(world.home)
        world.told = lived.live(world.home)
        world.passphrase = folder / "passphrase"
        world.passphrase.touch(mode=0o600)
        world.passphrase.write_text(f"{PASSPHRASE}\n")
        sealing = ("--keys-to", world.keys, "--passphrase-file", world.passphrase)
        with embedded.use(world.home):
            code, out, world.said = command(world.env, "backup", world.backup, *sealing, "--json")
            assert code == 0, world.said
            world.made = lived.last_json(out)
            world.rows = lived.rows(embedded.Home(world.home).conninfo("wayfare_owner"))
            yield world


def restored(world, name, *options, backup=None):
    home = world.folder / name
    return home, command(lived.environment(home), "restore", backup or world.backup, *options)


def with_keys(world):
    return ("--keys-from", world.keys, "--passphrase-file", world.passphrase)


@pytest.fixture(scope="module")
def again(world):
    """A home that was restored from the backup."""
    home, (code, out, err) = restored(world, "again", *with_keys(world), "--json")
    assert code == 0, err
    return SimpleNamespace(home=home, env=lived.environment(home), said=lived.last_json(out))


def test_everything_comes_back(world, again):
    assert again.said["well"]
    same = ("position", "logs", "tables", "keys", "manifest_sha256")
    assert {name: again.said[name] for name in same} == {name: world.made[name] for name in same}
    assert (world.made["position"], world.made["tables"]["people_person"]) == (60, 1)
    assert {log["size"] == log["signed"] > 0 for log in world.made["logs"].values()} == {True}
    with embedded.use(again.home):
        found = lived.rows(embedded.Home(again.home).conninfo("wayfare_owner"))
        different = {name for name in world.rows if found.get(name) != world.rows[name]}
        assert different == set()
        assert lived.NAME in lived.opened(again.env, world.told)
        assert command(again.env, "ledger", "verify")[0] == 0
        for folder in ("log-ledger", "log-access"):
            for file in ("note.pem", "cosign.pem", "last"):
                one, other = (home / "keys" / folder / file for home in (world.home, again.home))
                assert one.read_bytes() == other.read_bytes()
        changed = lived.rows(embedded.Home(again.home).conninfo("wayfare_owner"))
        assert changed["access_log"] != world.rows["access_log"], "control: the look was recorded, and is seen here"


def test_nothing_that_was_restored_opens_without_a_look(world, again):
    """Transaction numbers begin anew in the new cluster and come round to stored ones."""
    with embedded.use(world.home):
        with psycopg.connect(embedded.Home(world.home).conninfo("wayfare_owner"), autocommit=True) as owner:
            stored = sorted(
                {n for (n,) in owner.execute("select tx::text::bigint from access_log where person is not null")}
            )
    home = embedded.Home(again.home)
    with embedded.use(again.home), psycopg.connect(home.conninfo("wayfare_app"), autocommit=True) as thief:
        looks = [number for number in stored if number > last_number(thief) + 5]
        if not looks:  # the new cluster's numbers are past them already: write ones that are to come
            looks = [last_number(thief) + 3_000, last_number(thief) + 6_000]
            with psycopg.connect(home.conninfo("postgres", "wayfare"), autocommit=True) as owner:
                owner.execute("set session_replication_role = replica")
                owner.execute("update access_log set tx = %s::text::xid8 where person is not null", [str(looks[0])])
        assert rows_at(thief, looks[0], *OPENS) == 0
        with psycopg.connect(home.conninfo("postgres", "wayfare"), autocommit=True) as owner:
            rule = owner.execute("select pg_get_functiondef('access_is_now'::regproc)").fetchone()[0]
            owner.execute(OLD_RULE)
            owner.execute("set session_replication_role = replica")
            later = last_number(owner) + 500
            owner.execute("update access_log set tx = %s::text::xid8 where person is not null", [str(later)])
        next_is(thief, later - 2)
        assert rows_at(thief, later, *OPENS) > 0, "the control: the number alone, as it was"
        with psycopg.connect(home.conninfo("wayfare_owner"), autocommit=True) as owner:
            owner.execute(rule)


def test_no_key_is_in_the_backup_and_all_are_told(world):
    for path in (*world.backup.iterdir(), world.keys):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.backup.stat().st_mode) == 0o700
    assert {path.name for path in world.backup.iterdir()} == {"manifest.json", "database.dump"}
    assert "HOLDS NO KEYS" in world.said
    assert str(world.keys) in world.said
    inside = (
        subprocess.run(
            [embedded.binaries() / "pg_restore", "--file=-", world.backup / "database.dump"],
            capture_output=True,
            check=True,
        ).stdout
        + (world.backup / "manifest.json").read_bytes()
    )
    secrets = [path.read_bytes().strip() for path in (world.home / "keys").rglob("*") if path.is_file()]
    assert len(secrets) > 12
    for secret in secrets:
        last = secret.splitlines()[-1] if secret.startswith(b"wayfare people secret") else secret
        if b"BEGIN PRIVATE" in secret or (len(last) >= 32 and b"\n" not in last):
            assert last not in inside
            assert last not in world.keys.read_bytes()
    for pad in pads(door.key_in(world.home / "keys" / door.NAME)):  # what PostgreSQL keeps of it opens the door as well
        assert pad.hex().encode() not in inside
    assert b"access_log" in inside, "control: what is not a key is found"


def test_a_backup_alone_says_where_the_keys_are_and_check_says_when_it_was_made(world):
    code, _, err = command(world.env, "backup", world.folder / "alone")
    assert code == 0
    assert f"The keys are in {world.home / 'keys'}, and nowhere else" in err
    code, out, _ = command(world.env, "check", "--json")
    assert code == 0
    assert lived.last_json(out)["notes"][0].startswith("last backup 20")
    assert str(world.folder / "alone") in lived.last_json(out)["notes"][0]


def test_without_keys_the_data_come_back_and_each_missing_key_is_named(world):
    home, (code, out, err) = restored(world, "keyless", "--json")
    said = lived.last_json(out)
    assert (code, said["well"]) == (1, False)
    assert "token list" in err, "what was ended after the backup is told to be back"
    for name, mark in world.made["keys"].items():
        assert f"{name} ({mark}) is missing" in err
    assert {path.name for path in (home / "keys").iterdir()} <= {
        "cookies", "database-postgres", "database-wayfare_app", "database-wayfare_owner", "database-wayfare_reader",
    }, "none was made in their place"  # fmt: skip
    passwords = {path.name: path.read_bytes() for path in (home / "keys").glob("database-*")}
    shutil.copytree(world.home / "keys", home / "keys", dirs_exist_ok=True)
    for name, password in passwords.items():
        (home / "keys" / name).write_bytes(password)
    for which in ("another", "ours"):  # PostgreSQL learns the door's key again from its file, if it is the backup's
        if which == "another":
            (home / "keys" / door.NAME).write_text("another")
        else:
            shutil.copy(world.home / "keys" / door.NAME, home / "keys")
        code, out, err = command(lived.environment(home), "check", "--json")
        assert code == (which == "another"), err
        assert ("sign-in" in lived.last_json(out)["problems"]) is (which == "another")


@pytest.mark.parametrize("kind", ["another home's", "older", "damaged", "wrong passphrase"])
def test_keys_that_do_not_belong_are_told_by_fingerprint_and_nothing_is_made(world, tmp_path, kind):
    passphrase, keys = world.passphrase, tmp_path / "keys"
    if kind in ("another home's", "older"):
        shutil.copytree(world.home / "keys", keys)
        if kind == "older":
            (keys / "people" / "epoch-2").unlink()
        else:
            (keys / "staff-door").write_text("another")
            (keys / "people" / "epoch-1").replace(keys / "people" / "epoch-2")
        words = [world.made["keys"]["people/epoch-2"]]
    elif kind == "damaged":
        data = bytearray(world.keys.read_bytes())
        data[-1] ^= 1
        keys.write_bytes(data)
        words = ["does not open"]
    else:
        keys, passphrase = world.keys, tmp_path / "other"
        passphrase.touch(mode=0o600)
        passphrase.write_text("another long passphrase")
        words = ["does not open"]
    home, (code, _, err) = restored(world, "wrong", "--keys-from", keys, "--passphrase-file", passphrase)
    assert code == 2, err
    assert not home.exists()
    for word in words:
        assert word in err


def altered(world, tmp_path, change):
    copy = tmp_path / "copy"
    shutil.copytree(world.backup, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    change(copy, manifest)
    return copy


def _flip(folder, manifest):
    with (folder / "database.dump").open("r+b") as file:
        file.seek(2000)
        byte = file.read(1)
        file.seek(2000)
        file.write(bytes([byte[0] ^ 1]))


def _say(**changes):
    def change(folder, manifest):
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))

    return change


def _rehashed(folder, manifest):
    """Alter the dump and the manifest's hash too: rows are then compared with what the manifest says."""
    manifest["tables"]["ledger_entry"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))


ALTERED = {
    "a byte of the dump": (_flip, "altered or is damaged"),
    "a file that went": (lambda folder, _: (folder / "database.dump").unlink(), "was altered"),
    "a file that came": (lambda folder, _: (folder / "more").touch(), "was altered"),
    "no manifest": (lambda folder, _: (folder / "manifest.json").unlink(), "not a whole backup"),
    "half a manifest": (lambda folder, _: os.truncate(folder / "manifest.json", 100), "was altered"),
    "a newer version": (_say(wayfare="99.0.0"), "newer"),
    "a newer form": (_say(format=2), "newer"),
    "unknown migrations": (_say(migrations={"ledger": ["0099_to_come"]}), "ledger.0099_to_come"),
    "another number of rows": (_rehashed, "not what the manifest says (tables)"),
}


@pytest.mark.parametrize("kind", ALTERED)
def test_an_altered_or_newer_backup_is_refused(world, tmp_path, kind):
    change, word = ALTERED[kind]
    copy = altered(world, tmp_path, change)
    home, (code, _, err) = restored(world, "refused", *with_keys(world), backup=copy)
    assert code == 2, err
    assert word in err
    assert "Traceback" not in err
    assert not home.exists()


def test_the_manifests_hash_is_held_to_what_was_noted(world, tmp_path):
    noted = world.made["manifest_sha256"]
    assert noted == sha256((world.backup / "manifest.json").read_bytes()).hexdigest()
    copy = altered(world, tmp_path, _say(made_at="2020-01-01T00:00:00Z"))
    _, (code, _, err) = restored(world, "noted", *with_keys(world), "--sha256", noted, backup=copy)
    assert code == 2
    assert noted in err


def test_a_place_that_holds_anything_is_refused(world, tmp_path):
    (tmp_path / "something").touch()
    code, _, err = command(lived.environment(tmp_path), "restore", world.backup, *with_keys(world))
    assert (code, "is not empty" in err) == (2, True), err
    code, _, err = command(world.env, "backup", tmp_path)
    assert (code, "is not empty" in err) == (2, True), err
    assert [path.name for path in tmp_path.iterdir()] == ["something"]
    code, _, err = command(world.env, "backup", tmp_path / "new", "--keys-to", world.keys)
    assert (code, "never overwritten" in err) == (2, True), err
    code, _, err = command(world.env, "backup", tmp_path / "new", "--keys-to", tmp_path / "new" / "keys")
    assert (code, "belong apart" in err) == (2, True), err
    assert not (tmp_path / "new").exists()
    code, _, err = command(lived.environment(tmp_path / "none"), "backup", tmp_path / "new")
    assert (code, (tmp_path / "none").exists()) == (2, False), err


def test_for_a_recipient(world, tmp_path):
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    private.chmod(0o600)
    keys = tmp_path / "keys"
    code, _, err = command(world.env, "backup", tmp_path / "b", "--keys-to", keys, "--recipient", public)
    assert code == 0, err
    home, (code, _, err) = restored(world, "unopened", "--keys-from", keys, backup=tmp_path / "b")
    assert (code, home.exists(), "--identity" in err) == (2, False, True)
    home, (code, _, err) = restored(world, "sent", "--keys-from", keys, "--identity", private, backup=tmp_path / "b")
    assert code == 0, err
    assert lived.NAME in lived.opened(lived.environment(home), world.told)


# Kills


def started(env, *words):
    return subprocess.Popen(
        [*WAYFARE, *map(str, words)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/"
    )


def partials(folder):
    return list(folder.glob(".*.partial"))


def test_a_killed_backup_is_never_taken_for_one(world, tmp_path):
    target = tmp_path / "b"
    with psycopg.connect(embedded.Home(world.home).conninfo("wayfare_owner")) as owner:
        owner.execute("lock table departures_finding")  # the dump waits for it
        process = started(world.env, "backup", target)
        wait(lambda: partials(tmp_path) or process.poll() is not None, "it begins")
        waiting = "select count(*) from pg_stat_activity where application_name = 'pg_dump'"
        with psycopg.connect(embedded.Home(world.home).conninfo("postgres"), autocommit=True) as seen:
            time.sleep(1)
            process.send_signal(signal.SIGKILL)
            process.wait()
            wait(lambda: seen.execute(waiting).fetchone() == (0,), "pg_dump ends with it")
    (left,) = partials(tmp_path)
    assert not target.exists()
    home, (code, _, err) = restored(world, "killed", backup=left)
    assert (code, home.exists(), "not a whole backup" in err) == (2, False, True), err
    code, _, err = command(world.env, "backup", target)
    assert code == 0, err
    assert (partials(tmp_path), len(list(target.iterdir()))) == ([], 2)


def test_a_killed_restore_leaves_no_home_or_a_whole_one(world, tmp_path):
    home = tmp_path / "home"
    env = lived.environment(home)
    for delay in (0, 0.5, 1.5, 3):
        process = started(env, "restore", world.backup, *with_keys(world))
        wait(lambda process=process: partials(tmp_path) or process.poll() is not None, "it begins")
        time.sleep(delay)
        if home.exists():
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not home.exists()
        assert partials(tmp_path), "control: it was at work"
    else:
        code, _, err = command(env, "restore", world.backup, *with_keys(world))
        assert code == 0, err
    process.wait()
    assert command(env, "check")[0] == 0
    assert lived.NAME in lived.opened(env, world.told)

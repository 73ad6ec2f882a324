"""Master keys are made once, are their owner's alone, and are gone when they are destroyed."""

from __future__ import annotations

import os
from uuid import UUID

import pytest

from wayfare.people.masterkeys import TOKEN_KINDS, LocalKeys, MasterKeyProblem
from wayfare.people.sealing import SealRefusal
from wayfare.people.tests.at_once import said_at_once

KEY, PERSON = bytes(range(32)), UUID(int=5)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys" / "people"


def code(call, *arguments):
    with pytest.raises(MasterKeyProblem) as problem:
        call(*arguments)
    return problem.value.code


def test_the_first_epoch_is_made_when_it_is_first_asked_for(folder):
    keys = LocalKeys(folder)
    assert keys.epochs() == []
    assert keys.first() == 1
    assert keys.unwrap(1, PERSON, keys.wrap(1, PERSON, KEY)) == KEY
    assert LocalKeys(folder).unwrap(1, PERSON, keys.wrap(1, PERSON, KEY)) == KEY


def test_folder_and_files_are_their_owners_alone(folder):
    old = os.umask(0)
    try:
        LocalKeys(folder).first()
        LocalKeys(folder).index_key()
    finally:
        os.umask(old)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(file.name, file.stat().st_mode & 0o777) for file in sorted(folder.iterdir())] == [
        ("epoch-1", 0o600),
        ("index", 0o600),
    ]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_an_open_file_is_refused_with_the_mend(folder, mode):
    keys = LocalKeys(folder)
    keys.first()
    (folder / "epoch-1").chmod(mode)
    with pytest.raises(MasterKeyProblem, match=r"chmod 600.*people rotate") as problem:
        keys.wrap(1, PERSON, KEY)
    assert problem.value.code == "open_to_others"
    (folder / "epoch-1").chmod(0o600)
    assert keys.wrap(1, PERSON, KEY)


def test_an_open_folder_is_refused(folder):
    LocalKeys(folder).first()
    folder.chmod(0o750)
    assert code(LocalKeys(folder).first) == "open_to_others"


def test_keys_of_one_epoch_differ_by_kind_and_those_of_two_altogether(folder):
    keys = LocalKeys(folder)
    two = [keys.first(), keys.begin_epoch()]
    found = [keys.token_key(epoch, kind) for epoch in two for kind in TOKEN_KINDS] + [keys.index_key()]
    assert len(set(found)) == 2 * len(TOKEN_KINDS) + 1
    assert all(len(one) == 32 for one in found)
    assert keys.mark(1) != keys.mark(2)
    with pytest.raises(SealRefusal):
        keys.unwrap(2, PERSON, keys.wrap(1, PERSON, KEY))


def test_a_destroyed_epoch_is_gone_for_every_process_that_knew_it(folder):
    keys, other = LocalKeys(folder), LocalKeys(folder)
    wrapped = other.wrap(keys.first(), PERSON, KEY)
    assert keys.begin_epoch() == 2
    keys.destroy_epoch(1)
    assert keys.epochs() == [2]
    assert code(other.unwrap, 1, PERSON, wrapped) == "no_epoch"
    assert code(keys.destroy_epoch, 1) == "no_epoch"
    assert code(keys.destroy_epoch, 2) == "newest"
    assert keys.begin_epoch() == 3


def test_the_secret_is_nowhere_in_the_folder_once_destroyed(folder):
    keys = LocalKeys(folder)
    keys.first()
    secret = (folder / "epoch-1").read_bytes()
    with (folder / "epoch-1").open("rb") as still_open:
        keys.begin_epoch()
        keys.destroy_epoch(1)
        assert still_open.read() == bytes(len(secret))  # overwritten before it was removed
    assert all(secret not in file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize(
    "content",
    ["", "wayfare people secret 1\n00\n", "other\n" + "00" * 32 + "\n", "wayfare people secret 1\n" + "0g" * 32 + "\n"],
)
def test_what_is_no_secret_is_refused(folder, content):
    keys = LocalKeys(folder)
    keys.first()
    (folder / "epoch-1").write_text(content)
    assert code(keys.wrap, 1, PERSON, KEY) == "unreadable"


def test_a_file_half_made_is_no_epoch(folder):
    keys = LocalKeys(folder)
    keys.first()
    (folder / ".epoch-2.77.abcd").touch(mode=0o600)
    assert keys.epochs() == [1]


ONE = "import sys; from pathlib import Path; from wayfare.people.masterkeys import LocalKeys; k = LocalKeys(Path(sys.argv[1])); sys.stdin.read(1); print(k.mark(k.first()).hex(), k.index_key().hex())"


def test_processes_at_once_make_one_secret(folder):
    assert len(said_at_once(6, ONE, [str(folder)])) == 1
    assert sorted(file.name for file in folder.iterdir()) == ["epoch-1", "index"]


def test_what_wraps_for_a_batch_wraps_as_one_by_one_and_is_looked_at_anew_for_the_next(folder):
    keys = LocalKeys(folder)
    wrapping = keys.wrapping(keys.first())
    assert wrapping.wrap(PERSON, KEY) == keys.wrap(1, PERSON, KEY)
    assert wrapping.unwrap(PERSON, keys.wrap(1, PERSON, KEY)) == KEY
    keys.begin_epoch()
    keys.destroy_epoch(1)
    assert code(keys.wrapping, 1) == "no_epoch"
    assert keys.wrapping(2).wrap(PERSON, KEY) != wrapping.wrap(PERSON, KEY)
